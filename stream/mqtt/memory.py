"""What `lockstep mqtt` must know after a restart: births of Sparkplug's nodes, in a file of the state directory."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from stream.sources.mqtt_messages import Translator
from stream.sources.sparkplug import Remembered
from twin.errors import ConfigurationError

log = logging.getLogger("lockstep.mqtt")

LARGEST: Final = 256 << 20
"""The file [byte]."""

Known = dict[str, list[Remembered]]


class Memory:
    """The file of one client.

    Args:
        client_id: Whose session it goes with.
    """

    def __init__(self, folder: Path, client_id: str, translator: Translator) -> None:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in client_id)
        self._path, self._translator = folder / f"mqtt-{safe}.json", translator

    def load(self) -> None:
        """Give the translator what was saved; a file that can't be read is as good as none: births come again."""
        try:
            with self._path.open("rb") as file:
                known = msgspec.json.decode(file.read(LARGEST), type=Known)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.warning("%s can't be read, births are waited for: %s", self._path, error)
            return
        self._translator.recall(known)

    def save(self) -> None:
        """Write what has changed, all or nothing.

        Raises:
            ConfigurationError: The directory can't be written to.
        """
        known = self._translator.remember()
        if known is None:
            return
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode(known))
            os.replace(new, self._path)
        except OSError as error:
            raise ConfigurationError(
                f"{self._path} can't be written: {error.strerror}; see LOCKSTEP_STATE_DIR"
            ) from error
