"""`python -m tests.bench.reconcile`: a full inventory of 100,000 objects against one shard; CPU time, in seconds."""

from __future__ import annotations

import os

# Before numpy: as the workers have it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from datetime import UTC, datetime, timedelta
from time import process_time

import msgspec

from stream.config import ShardConfig
from stream.decode import INVENTORY, to_ms
from stream.engine.collector import settle
from stream.shard import Shard
from stream.sources.inventory import parts
from twin.counters import CATALOGUE
from twin.events import Entity, Relation
from twin.log import LogRecord

ELEMENTS, CELLS = 10_000, 9
REGION = "SubNetwork=1"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def element(number: int) -> str:
    return f"{REGION},ManagedElement=gnb-{number % ELEMENTS}"


def cell(number: int, which: int) -> str:
    return f"{element(number)},GNBDUFunction=1,NRCellDU={which}"


def network() -> tuple[list[Entity], list[Relation]]:
    """Elements of nine cells each, every cell with two neighbours."""
    entities, relations = [], []
    for n in range(ELEMENTS):
        at: dict[str, str | float | int | bool | None] = {"vendor": "x", "latitude": 50 + n / 1e5, "longitude": 8.0}
        entities.append(Entity(dn=element(n), kind="element", attributes=at))
        for c in range(CELLS):
            entities.append(Entity(dn=cell(n, c), kind="cell", attributes={"pci": c, "azimuth": 40 * c, "tilt": 6.0}))
            relations.append(Relation(source=element(n), target=cell(n, c), kind="contains"))
            relations += [Relation(source=cell(n, c), target=cell(n + k, c), kind="neighbour") for k in (1, 2)]
    return entities, relations


def measure(shard: Shard, what: str, entities: list[Entity], relations: list[Relation], hours: int) -> None:
    """Print what one inventory costs."""
    time = BEGIN + timedelta(hours=hours)
    spent, outcome = [], "nothing told"
    bodies = [msgspec.json.encode(part) for part in parts(entities, relations, time, scope=REGION)]
    for body in bodies:
        begin = process_time()
        effects = shard.apply([LogRecord(0, shard.next_offset, REGION, to_ms(time), INVENTORY, body)])
        spent.append(process_time() - begin)
        for out in effects.outlets:
            outcome = msgspec.json.decode(out.value)["detail"]["outcome"]
    size = sum(map(len, bodies)) / 2**20
    print(f"{what:<24} {len(bodies):>3} parts {size:5.0f} MiB {sum(spent):6.1f} s, last {spent[-1]:5.1f} s  {outcome}")


def main() -> None:
    """Measure and print."""
    entities, relations = network()
    shard = Shard(0, ShardConfig(), CATALOGUE)
    settle()
    print(f"{len(entities):,} objects, {len(relations):,} relations")
    measure(shard, "into an empty twin", entities, relations, 0)
    measure(shard, "the same again", entities, relations, 1)
    kept = [*entities[:90_000], *(msgspec.structs.replace(e, attributes={"pci": 1}) for e in entities[90_000:95_000])]
    names = {e.dn for e in kept}
    left = [r for r in relations if r.source in names and r.target in names]
    measure(shard, "a tenth gone or changed", kept, left, 2)
    measure(shard, "all but a hundred gone", kept[:100], [], 3)


if __name__ == "__main__":
    main()
