"""Distinguished names for what networks of other worlds call by ids of their own: layers, nodes, ports, links."""

from __future__ import annotations

from stream.sources.template import escape
from twin import dn
from twin.errors import BadInput, ConfigurationError


def scope_of(text: str) -> str:
    """A scope that the user has given; empty is none.

    Raises:
        ConfigurationError: It is no distinguished name.
    """
    if not text:
        return ""
    try:
        return dn.check(text)
    except BadInput as error:
        raise ConfigurationError(f"the scope must be a name such as 'SubNetwork=backbone': {error.detail}") from error


def below(parent: str, kind: str, id_: str) -> str:
    """The name of an object: `parent,kind=id`, the id escaped.

    Raises:
        BadInput: bad-name, it can't be one.
    """
    return dn.check((f"{parent}," if parent else "") + f"{kind}={escape(id_)}")
