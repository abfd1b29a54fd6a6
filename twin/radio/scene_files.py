"""The files that a scene is made of: found by name or path, hashed."""

from __future__ import annotations

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from twin.errors import ConfigurationError


def built_in() -> dict[str, Path]:
    """Scenes that come with Sionna RT, by name. It isn't imported for that: a variant may not be chosen yet."""
    spec = find_spec("sionna")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("Sionna RT is not installed; install the extra `radio`")
    folder = Path(next(iter(spec.submodule_search_locations))) / "rt" / "scenes"
    return {path.stem: path for path in sorted(folder.glob("*/*.xml")) if path.stem == path.parent.name}


def find(name: str) -> Path:
    """The XML file of a scene.

    Args:
        name: Of a built-in scene, or the path of a Mitsuba XML file.

    Raises:
        ConfigurationError: There is neither.
    """
    known = built_in()
    if name in known:
        return known[name]
    path = Path(name)
    if path.is_file():
        return path.resolve()
    raise ConfigurationError(f"there is no scene {name!r}; give the path of an XML file or one of: {', '.join(known)}")


def content_hash(path: Path) -> str:
    """Of the XML file and all that it names.

    Raises:
        ConfigurationError: It isn't XML, or a file that it names can't be read.
    """
    digest = sha256()
    try:
        text = path.read_bytes()
        digest.update(text)
        for element in fromstring(text).iter("string"):
            if element.get("name") == "filename":
                digest.update((path.parent / element.get("value", "")).read_bytes())
    except (ParseError, DefusedXmlException, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the scene {path} is not an XML file: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"the scene {path} can't be read: {error}") from error
    return digest.hexdigest()
