"""Secrets from files: `LOCKSTEP_DSN_FILE` names a file that holds `dsn`, as Docker and Kubernetes hand secrets over."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from twin.errors import ConfigurationError

SUFFIX = "_FILE"
LARGEST_BYTES = 64 * 1024


class SecretFiles(PydanticBaseSettingsSource):
    """Reads every secret setting that a variable with the suffix `_FILE` names a file for.

    Args:
        variables: Environment and `.env`, names in lower case.

    Raises:
        ConfigurationError: The file can't be read, or the setting is there both ways; no message shows a value.
    """

    def __init__(self, settings_class: type[BaseSettings], variables: dict[str, str | None]) -> None:
        super().__init__(settings_class)
        self._prefix = settings_class.model_config.get("env_prefix") or ""
        self._variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = f"{self._prefix}{field_name}{SUFFIX}".upper()
        path = self._variables.get(name.lower()) if is_secret(field) else None
        if not path:
            return None, field_name, False
        if self._variables.get(name.removesuffix(SUFFIX).lower()):
            raise ConfigurationError(f"{name} and {name.removesuffix(SUFFIX)} are both set: take one of them")
        try:
            with Path(path).open("rb") as file:
                content = file.read(LARGEST_BYTES).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ConfigurationError(f"{name}: {path} can't be read: {why}") from None
        if not content.strip():
            raise ConfigurationError(f"{name}: {path} is empty")
        return content.rstrip("\r\n"), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(f, name)[0] for name, f in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def is_secret(field: FieldInfo) -> bool:
    """Whether a field's value must never be shown."""
    return SecretStr in (field.annotation, *get_args(field.annotation))
