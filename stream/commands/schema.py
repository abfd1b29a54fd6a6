"""`lockstep schema`: the contract with other programs, made from the code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def schema(
    format: Annotated[
        Literal["asyncapi", "json-schema", "ledger"], typer.Option(help="Which form of the contract.")
    ] = "asyncapi",
    out: Annotated[Path | None, typer.Option(help="A directory to write files to; without it: to the output.")] = None,
) -> None:
    """Print what others may rely on: topics and events as an AsyncAPI 3 document, or as JSON Schemas."""
    texts = _texts(format)
    if out is None:
        sys.stdout.write(texts[0][1] if len(texts) == 1 else _text({name: json.loads(text) for name, text in texts}))
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts:
        path = out / name
        if format == "ledger":
            _keep_promises(path)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


def _texts(format: str) -> list[tuple[str, str]]:
    """Name and content of each file."""
    if format == "asyncapi":
        from stream.contract.asyncapi import document

        return [("asyncapi.json", _text(document()))]
    if format == "ledger":
        from stream.contract.ledger import current, write

        return [("ledger.json", write(current()))]
    from stream.contract.schemas import schema_of
    from stream.contract.vocabulary import EVENTS

    return [(f"{type_}.schema.json", _text(schema_of(type_))) for type_ in sorted(EVENTS)]


def _keep_promises(path: Path) -> None:
    """Refuse to write over a ledger that promises what is no longer kept. Raises ConfigurationError."""
    import msgspec

    from stream.contract.ledger import broken, current, read
    from twin.errors import ConfigurationError

    if not path.exists():
        return
    try:
        promised = read(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} is no ledger: {error}") from error
    if found := broken(promised, current()):
        raise ConfigurationError("; ".join([f"{path} promises what the code doesn't keep", *found]))


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
