"""What O-RAN's TEIV knows: types of entities and relationships, and what they are here.

A model of one's own, such as that of an rApp's schemas, extends this one with a TOML file (`LOCKSTEP_TEIV_MODEL`, or
`--set model=FILE`):

    [entities]
    MyTower = "site"

    [relations."my-module:MYTOWER_CARRIES_ANTENNAMODULE"]
    a = "MyTower"
    b = "AntennaModule"
    kind = "contains"
    cardinality = "one-to-many"

Source: O-RAN.WG10.TE&IV-CIMI; modules `o-ran-smo-teiv-*` of O-RAN SC's smo-teiv.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from twin.errors import ConfigurationError

EntityKind = Literal["region", "site", "element", "cell", "link", "asset", "sensor"]
RelationKind = Literal["contains", "located_at", "neighbour", "connects", "powers", "measures"]
Many = Literal["one-to-one", "one-to-many", "many-to-one", "many-to-many"]


class RelationType(msgspec.Struct, frozen=True):
    """One type of relationship.

    Attributes:
        a, b: Types of entity of its sides; it leads from a to b.
        cardinality: `one-to-many`: a has many b, each b has one a.
    """

    a: str
    b: str
    kind: RelationKind
    cardinality: Many = "many-to-many"


class Model(NamedTuple):
    """Types by name; those of relationships by module and name, `o-ran-smo-teiv-ran:ODUFUNCTION_PROVIDES_NRCELLDU`."""

    entities: Mapping[str, EntityKind]
    relations: Mapping[str, RelationType]


_ENTITIES: Final[dict[str, EntityKind]] = {
    "ManagedElement": "element",
    "NRCellCU": "cell",
    "NRCellDU": "cell",
    "Site": "site",
    "OCloudSite": "site",
    **dict.fromkeys(("ODUFunction", "OCUCPFunction", "OCUUPFunction", "ORUFunction", "NearRTRICFunction"), "asset"),
    **dict.fromkeys(("NRSectorCarrier", "AntennaCapability", "Sector", "AntennaModule"), "asset"),
    **dict.fromkeys(("PhysicalAppliance", "CloudifiedNF", "NFDeployment", "OCloudNamespace", "NodeCluster"), "asset"),
}
_RELATIONS: Final = (
    # module, type, kind, cardinality; the sides stand in the type's name.
    *(
        ("ran", f"{a}_{b}", "contains", "one-to-many")
        for a, b in (
            *(("ODUFUNCTION_PROVIDES", "NRCELLDU"), ("ODUFUNCTION_PROVIDES", "NRSECTORCARRIER")),
            *(("OCUCPFUNCTION_PROVIDES", "NRCELLCU"), ("SECTOR_GROUPS", "NRCELLDU")),
        )
    ),
    ("ran", "NRCELLDU_USES_NRSECTORCARRIER", "connects", "one-to-many"),
    ("ran", "NRSECTORCARRIER_USES_ANTENNACAPABILITY", "connects", "many-to-one"),
    ("ran", "OCUUPFUNCTION_E1LINK_OCUCPFUNCTION", "connects", "many-to-many"),
    ("ran", "ODUFUNCTION_F1CLINK_OCUCPFUNCTION", "connects", "many-to-many"),
    ("ran", "ODUFUNCTION_F1ULINK_OCUUPFUNCTION", "connects", "many-to-many"),
    ("ran", "ODUFUNCTION_OFHMLINK_ORUFUNCTION", "connects", "many-to-many"),
    ("ran", "ORUFUNCTION_OFHCLINK_ODUFUNCTION", "connects", "many-to-many"),
    ("ran", "ORUFUNCTION_OFHSLINK_ODUFUNCTION", "connects", "many-to-many"),
    ("ran", "ORUFUNCTION_OFHULINK_ODUFUNCTION", "connects", "many-to-many"),
    *(("ran", f"{a}FUNCTION_E2LINK_NEARRTRICFUNCTION", "connects", "many-to-many") for a in ("ODU", "OCUCP", "OCUUP")),
    *(
        ("rel-oam-ran", f"MANAGEDELEMENT_MANAGES_{b}FUNCTION", "contains", "one-to-many")
        for b in ("ODU", "OCUCP", "OCUUP", "ORU", "NEARRTRIC")
    ),
    ("equipment", "ANTENNAMODULE_INSTALLED_AT_SITE", "located_at", "many-to-one"),
    ("rel-equipment-ran", "ANTENNAMODULE_SERVES_ANTENNACAPABILITY", "connects", "many-to-many"),
    ("rel-equipment-ran", "ANTENNAMODULE_SERVES_NRCELLDU", "connects", "many-to-many"),
    ("rel-equipment-ran", "SECTOR_GROUPS_ANTENNAMODULE", "contains", "one-to-many"),
    ("physical", "PHYSICALAPPLIANCE_INSTALLEDAT_SITE", "located_at", "many-to-one"),
    ("cloud", "CLOUDIFIEDNF_COMPRISES_NFDEPLOYMENT", "contains", "one-to-many"),
    ("cloud", "NFDEPLOYMENT_DEPLOYED_ON_OCLOUDNAMESPACE", "connects", "many-to-many"),
    ("cloud", "OCLOUDNAMESPACE_DEPLOYED_ON_NODECLUSTER", "connects", "many-to-one"),
    ("cloud", "NODECLUSTER_LOCATED_AT_OCLOUDSITE", "located_at", "many-to-many"),
    *(
        ("rel-cloud-ran", f"NFDEPLOYMENT_SERVES_{b}FUNCTION", "connects", "many-to-many")
        for b in ("ODU", "OCUCP", "OCUUP", "NEARRTRIC")
    ),
    ("rel-oam-cloud", "MANAGEDELEMENT_DEPLOYED_AS_CLOUDIFIEDNF", "connects", "one-to-one"),
    ("rel-oam-cloud", "NFDEPLOYMENT_SERVES_MANAGEDELEMENT", "connects", "many-to-one"),
)


def _builtin() -> Model:
    types = {name.upper(): name for name in _ENTITIES}
    relations = {}
    for module, name, kind, cardinality in _RELATIONS:
        parts = name.split("_")
        relations[f"o-ran-smo-teiv-{module}:{name}"] = msgspec.convert(
            {"a": types[parts[0]], "b": types[parts[-1]], "kind": kind, "cardinality": cardinality}, RelationType
        )
    return Model(_ENTITIES, relations)


BUILTIN: Final = _builtin()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    entities: dict[str, EntityKind] = {}
    relations: dict[str, RelationType] = {}


def extended(path: Path) -> Model:
    """The model with the types of a file; what it says twice, the file says.

    Raises:
        ConfigurationError: It can't be read, or a relationship has a side that is no type.
    """
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise ConfigurationError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no model of TEIV types: {error}") from error
    model = Model({**BUILTIN.entities, **found.entities}, {**BUILTIN.relations, **found.relations})
    for name, relation in found.relations.items():
        for side in (relation.a, relation.b):
            if side not in model.entities:
                raise ConfigurationError(f"{path}: {name!r} has the side {side!r}, which is no type of entity")
    return model


def model_of(path: Path | None) -> Model:
    """The model that settings or options name. Raises ConfigurationError."""
    return BUILTIN if path is None else extended(path)
