"""Rows of an inventory -> entities, their attributes, and relations."""

from __future__ import annotations

from pathlib import Path

from stream.sources.profile_spec import EntitySpec, Profile
from stream.sources.table import RejectedRow, Table, files_of, number
from stream.sources.template import Template
from twin.errors import BadInput, ConfigurationError
from twin.events import Entity, Relation

Attributes = dict[str, str | float | int | bool | None]


class Inventory:
    """What the inventory tables of a profile say; each entity and relation once, in the order of the rows."""

    def __init__(self) -> None:
        self.entities: dict[str, Entity] = {}
        self.relations: dict[tuple[str, str, str], Relation] = {}

    def merge(self, entity: Entity) -> None:
        """Add an entity that other rows may have told of.

        Raises:
            BadInput: They told something else.
        """
        known = self.entities.setdefault(entity.dn, entity)
        if known is not entity and known != entity:
            raise BadInput("wrong-type", f"an earlier row says something else of {entity.dn!r}")


def read_inventory(profile: Profile, path: Path, rejected: list[RejectedRow]) -> Inventory:
    """Read all inventory tables of a profile.

    Raises:
        ConfigurationError: A file or a column is absent.
    """
    inventory = Inventory()
    for spec in profile.inventory:
        for file in files_of(spec, profile, path):
            table = Table(file, spec, rejected)
            missing = frozenset(spec.missing)
            entities = [_Entities(entity, table, missing) for entity in spec.entity]
            relations = [
                (Template(r.source, table.columns), Template(r.target, table.columns), r) for r in spec.relation
            ]
            for line, row in table.rows():
                try:
                    for maker in entities:
                        maker.into(inventory, row)
                    for source, target, relation in relations:
                        edge = (source.make(row), target.make(row), relation.kind)
                        if edge not in inventory.relations:
                            inventory.relations[edge] = Relation(source=edge[0], target=edge[1], kind=relation.kind)
                except BadInput as error:
                    table.reject(error.reason, line, error.detail)
    dangling = {n for edge in inventory.relations for n in edge[:2]} - inventory.entities.keys()
    if dangling and not rejected:
        raise ConfigurationError(f"profile {profile.name!r} relates {min(dangling)!r}, but makes no such entity")
    return inventory


class _Entities:
    """Makes one kind of entity from rows."""

    def __init__(self, spec: EntitySpec, table: Table, missing: frozenset[str]) -> None:
        self._kind = spec.kind
        self._template = Template(spec.dn, table.columns)
        self._numeric = [(name, table.place(name)) for name in spec.numeric]
        self._text = [(name, table.place(name)) for name in spec.text]
        self._missing = missing

    def into(self, inventory: Inventory, row: list[str]) -> None:
        name = self._template.make(row)
        if not (self._numeric or self._text) and name in inventory.entities:
            return  # most tables of measurements name the same object in every row
        attributes: Attributes = {}
        for column, place in self._text:
            if row[place] not in self._missing:
                attributes[column] = row[place]
        for column, place in self._numeric:
            if (value := number(row[place], self._missing)) is not None:
                attributes[column] = value
        inventory.merge(Entity(dn=name, kind=self._kind, attributes=attributes))
