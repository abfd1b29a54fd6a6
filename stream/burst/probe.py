"""What rays can be traced on here, found out in a process of its own: what doesn't fit may abort."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection, wait

import msgspec

WITHIN_S = 120.0
"""For imports and the first kernel, on a busy machine [s]."""


class Tracing(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        device: `cuda` or `llvm`; empty: none works.
        llvm: Version of the LLVM library; empty: none was found.
        sionna: Version of sionna-rt; empty: it isn't installed.
        why: What is wrong where there is no device.
    """

    device: str = ""
    llvm: str = ""
    sionna: str = ""
    why: str = ""


def look(device: str | None = None, within_s: float = WITHIN_S) -> Tracing:
    """Try what there is; takes a second or two, blocks.

    Args:
        device: `cuda` or `llvm`; none: the first that works.
    """
    try:
        sionna = version("sionna-rt")
    except PackageNotFoundError:
        return Tracing(why="sionna-rt is not installed: pip install 'lockstep-twin[radio]'")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(theirs, device), name="lockstep-look", daemon=True)
    process.start()
    theirs.close()
    found = Tracing(sionna=sionna)
    try:
        while wait([ours], within_s):
            found = msgspec.structs.replace(msgspec.json.decode(ours.recv_bytes(), type=Tracing), sionna=sionna)
            if found.device or found.why:
                return found
        return msgspec.structs.replace(found, why=f"no answer within {within_s:.0f} s")
    except EOFError:
        process.join()
        return msgspec.structs.replace(found, why=f"the attempt ended its process ({_how(process.exitcode)})")
    finally:
        process.kill()
        process.join()
        ours.close()


def _how(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"status {code}"


def _try(pipe: Connection, device: str | None) -> None:
    """In the process: say what LLVM there is, then run a kernel on the device."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from twin.errors import LockstepError
    from twin.radio import variant

    reason = variant.prepare_llvm()
    llvm = "" if reason else _llvm_version(os.environ[variant.LLVM_VARIABLE])
    pipe.send_bytes(msgspec.json.encode(Tracing(llvm=llvm)))
    try:
        chosen = variant.start(device)
        import drjit
        import mitsuba

        drjit.eval(mitsuba.Float(1.0, 2.0) + 1.0)
        drjit.sync_thread()
        found = Tracing(device=chosen, llvm=llvm)
    except (LockstepError, ImportError, RuntimeError, OSError) as error:
        found = Tracing(llvm=llvm, why=str(error).split("\n")[0] or repr(error))
    pipe.send_bytes(msgspec.json.encode(found))


def _llvm_version(path: str) -> str:
    parts = [ctypes.c_uint() for _ in range(3)]
    ctypes.CDLL(path).LLVMGetVersion(*map(ctypes.byref, parts))
    return ".".join(str(part.value) for part in parts)
