"""What the product's own exports say of an object besides what their format knows, and how it is read back.

Source: docs/inventory.md, "What a format can't hold".
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from twin import dn
from twin.errors import BadInput
from twin.events import Entity, Relation
from twin.topology_edit import UNKNOWN

T = TypeVar("T")

OBJECT, RELATION = "lockstep-topology:object", "lockstep-topology:relation"


class OwnObject(msgspec.Struct, omit_defaults=True):
    """An object as the twin has it.

    Attributes:
        dn: Empty: a network or a node that only the format needs.
        kind: `unknown`: only relations name it.
    """

    dn: str = ""
    kind: str = UNKNOWN
    declared: bool = True
    attributes: dict[str, Any] = {}
    reported: dict[str, Any] = {}

    def entity(self) -> Entity | None:
        """The object; None where there is none but its name. Raises BadInput."""
        if not self.dn or self.kind == UNKNOWN:
            return None
        return converted(
            {"dn": self.dn, "kind": self.kind, "attributes": self.attributes, "reported": self.reported}, Entity
        )


def own_object(value: Any) -> OwnObject:
    """Read one. Raises BadInput: wrong-type, bad-name."""
    own = converted(value, OwnObject)
    if own.dn:
        dn.check(own.dn)
    return own


def own_relation(value: Any) -> Relation:
    """Read a relation. Raises BadInput: wrong-type, bad-name."""
    relation = converted(value, Relation)
    dn.check(relation.source)
    dn.check(relation.target)
    return relation


def converted(value: Any, type_: type[T]) -> T:
    """Plain data as a struct. Raises BadInput: wrong-type."""
    try:
        return msgspec.convert(value, type_)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadInput("wrong-type", str(error)) from error
