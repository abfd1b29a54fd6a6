"""Where rays are traced: an NVIDIA GPU, or the CPU through LLVM.

Mitsuba compiles for one or the other, chosen once in a process before its first import. The CPU variant opens LLVM at
run time. A version that doesn't fit can't be tried out: LLVM 15 aborts the whole process at the first kernel. So the
version is read first.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes.util import find_library
from pathlib import Path

from twin.errors import ConfigurationError, Unavailable

VARIANTS = {"cuda": "cuda_ad_mono_polarized", "llvm": "llvm_ad_mono_polarized"}
LLVM_VARIABLE = "DRJIT_LIBLLVM_PATH"
OLDEST_LLVM = 16


def start(device: str | None = None) -> str:
    """Chooses the device of this process; later calls return it.

    Args:
        device: `cuda` or `llvm`; none: the first of them that works.

    Raises:
        ConfigurationError: There is no such device, or another one has been chosen in this process.
        Unavailable: The device, or for none given any of them, can't be used here.
    """
    if device is not None and device not in VARIANTS:
        raise ConfigurationError(f"there is no device {device!r} to trace rays on; known: {', '.join(VARIANTS)}")
    chosen = current()
    if chosen is None and "tensorflow" in sys.modules:
        raise Unavailable("TensorFlow is loaded, and its LLVM and ours crash each other: trace in another process")
    if chosen == "llvm" and _llvm_in_use() < OLDEST_LLVM:
        raise Unavailable(
            f"Mitsuba was imported before and found LLVM {_llvm_in_use()}, which aborts; open a scene first, or set"
            f" {LLVM_VARIABLE} to the file of libLLVM {OLDEST_LLVM} or newer"
        )
    if chosen is not None:
        if device not in (None, chosen):
            raise ConfigurationError(f"this process traces rays on {chosen}; use another process for {device}")
        return chosen
    reasons = []
    for name in (device,) if device else tuple(VARIANTS):
        reason = _try(name)
        if not reason:
            return name
        reasons.append(f"{name}: {reason}")
    raise Unavailable(
        f"rays can't be traced here ({'; '.join(reasons)}); install the extra `radio`, which brings LLVM,"
        f" or set {LLVM_VARIABLE} to the file of libLLVM {OLDEST_LLVM} or newer"
    )


def current() -> str | None:
    """The device chosen in this process; none yet."""
    mitsuba = sys.modules.get("mitsuba")
    variant = mitsuba.variant() if mitsuba else None
    return next((name for name, full in VARIANTS.items() if full == variant), None)


def _llvm_in_use() -> int:
    import drjit

    return int(drjit.detail.llvm_version()[0])


def _try(device: str) -> str:
    """Starts it; returns why it can't be, or nothing."""
    if device == "llvm":
        reason = prepare_llvm()
        if reason:
            return reason
    elif LLVM_VARIABLE not in os.environ:
        prepare_llvm()  # a later look at LLVM shall find it
    try:
        import mitsuba

        mitsuba.set_variant(VARIANTS[device])
    except ImportError as error:
        return str(error).split("\n")[0]
    return ""


def prepare_llvm() -> str:
    """Tells Dr.Jit where LLVM is, unless it has been told; returns why it can't be used, or nothing."""
    path = os.environ.get(LLVM_VARIABLE) or installed_llvm() or find_library("LLVM")
    if not path:
        return "libLLVM was not found"
    version = llvm_version(path)
    if version is None:
        return f"{path} is not libLLVM {OLDEST_LLVM} or newer"
    if version < OLDEST_LLVM:
        return f"{path} is LLVM {version}; {OLDEST_LLVM} or newer is needed"
    os.environ.setdefault(LLVM_VARIABLE, path)
    return ""


def installed_llvm() -> str | None:
    """The file that the package `karellen-llvm-core` puts into the environment."""
    for ending in ("so", "dylib"):
        path = Path(sys.prefix) / "lib" / f"libLLVM.{ending}"
        if path.exists():
            return str(path)
    return None


def llvm_version(path: str) -> int | None:
    """Major version of an LLVM library; none where it can't be opened, or is older than 16, which can't tell."""
    try:
        library = ctypes.CDLL(path)
        ask = library.LLVMGetVersion
    except (OSError, AttributeError):
        return None
    major = ctypes.c_uint()
    ask(ctypes.byref(major), None, None)
    return major.value
