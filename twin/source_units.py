"""What each source means by a counter's name: its unit, and whether it counts up; by source and counter, never by name.

One name has several units among those who send it, so a pair that isn't in this table is refused, not guessed. To take
another source, add its table here.

Source: TS 28.552 for `3gpp`; for the others what their agents fill in and print (OpenAirInterface's and srsRAN's E2
agents, O-RAN SC's KPI monitor), and VIAVI's reports as their public readers describe them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from twin.counters import ALIASES, CATALOGUE, Catalogue
from twin.errors import BadInput
from twin.units import Conversion, conversion

OverUes = Literal["sum", "mean"]


class Meaning(NamedTuple):
    """What one source means by one counter.

    Attributes:
        counter: Its name in the catalogue.
        unit: What the source writes, a source unit of `twin.units`, or `PRB/s`: see `Meanings`.
        counts_up: The value grows since the equipment came up; what belongs to a period is the difference.
        over_ues: How values of several terminals make one of the cell.
    """

    counter: str
    unit: str
    counts_up: bool = False
    over_ues: OverUes = "mean"


def _same(unit: str, names: str, over_ues: OverUes = "mean") -> dict[str, Meaning]:
    return {name: Meaning(name, unit, over_ues=over_ues) for name in names.split()}


_CAUSES = "mo-Data mo-VoiceCall mo-VideoCall"
_ATTEMPTS = [f"RRC.ConnEstab{what}.{cause}" for what in ("Att", "Succ") for cause in _CAUSES.split()]

MEANINGS: Final[dict[str, dict[str, Meaning]]] = {
    # PRBs of all slots of the period, not a share: an older agent's; see `Meanings.prbs_per_s`.
    "oai": _same("PRB/s", "RRU.PrbTotDl RRU.PrbTotUl", "sum")
    | _same("kbit/s", "DRB.UEThpDl DRB.UEThpUl")
    | _same("us", "DRB.RlcSduDelayDl")
    | _same("kbit", "DRB.PdcpSduVolumeDL DRB.PdcpSduVolumeUL", "sum"),
    "srsran": _same("%", "RRU.PrbTotDl RRU.PrbTotUl", "sum")
    | _same("PRB", "RRU.PrbAvailDl RRU.PrbAvailUl")
    | _same("PRB", "RRU.PrbUsedDl RRU.PrbUsedUl", "sum")
    | _same("kbit/s", "DRB.UEThpDl DRB.UEThpUl")
    | _same("0.1 ms", "DRB.RlcSduDelayDl DRB.AirIfDelayUl DRB.RlcDelayUl"),
    "viavi": _same("Gbit/s", "DRB.UEThpDl DRB.UEThpUl")
    | _same("%", "RRU.PrbTotDl RRU.PrbTotUl")
    | _same("PRB", "RRU.PrbUsedDl RRU.PrbUsedUl RRU.PrbAvailDl RRU.PrbAvailUl")
    | _same("1", "RRC.ConnMean RRC.ConnMax RRC.ConnEstabFailCause.NetworkReject")
    | _same("1", " ".join(_ATTEMPTS))
    | _same("W", "PEE.AvgPower")
    | {"PEE.Energy": Meaning("PEE.Energy", "kWh", counts_up=True)},
    "kpimon": {
        "PDCPBytesDL": Meaning("DRB.PdcpSduVolumeDL", "B"),
        "PDCPBytesUL": Meaning("DRB.PdcpSduVolumeUL", "B"),
        "AvailPRBDL": Meaning("RRU.PrbAvailDl", "PRB"),
        "AvailPRBUL": Meaning("RRU.PrbAvailUl", "PRB"),
    },
}
"""Source -> its name of a counter -> what it means by it. `3gpp` is the standard itself and needs no table."""

STANDARD: Final = "3gpp"


def sources() -> tuple[str, ...]:
    """Who is known."""
    return (STANDARD, *MEANINGS)


class Meanings:
    """The table of one source.

    Args:
        prbs_per_s: PRBs that the carrier has in all slots of a second, downlink and uplink; with them a number of PRBs
            in a period becomes a share of them. None: it is refused.

    Raises:
        BadInput: unknown-unit, nothing is known of such a source.
    """

    def __init__(
        self,
        source: str,
        catalogue: Catalogue = CATALOGUE,
        prbs_per_s: tuple[float | None, float | None] = (None, None),
    ) -> None:
        if source not in sources():
            raise BadInput("unknown-unit", f"no units are known of {source[:40]!r}; known are {', '.join(sources())}")
        self.source, self._catalogue, self._prbs_per_s = source, catalogue, prbs_per_s

    def meaning(self, name: str) -> Meaning:
        """What the source means by a name; sub-counters mean what their base does, where the catalogue knows them.

        Raises:
            BadInput: unknown-unit, the pair isn't in the table; unknown-counter, it is no counter of the standard.
        """
        if self.source == STANDARD:
            known = ALIASES.get(name, name)
            return Meaning(known, self._catalogue.get(known).unit)
        table = MEANINGS[self.source]
        if (found := table.get(name)) is not None:
            return found
        base, _, sub = name.rpartition(".")
        if (found := table.get(base)) is not None and f"{found.counter}.{sub}" in self._catalogue:
            return found._replace(counter=f"{found.counter}.{sub}")
        raise BadInput(
            "unknown-unit", f"what unit {self.source} has for {name[:60]!r} is not known; see twin.source_units"
        )

    def conversion(self, name: str, period_s: float) -> Conversion:
        """From what the source writes under a name to the counter's unit.

        Args:
            period_s: Length of the period [s].

        Raises:
            BadInput: As `meaning`; or the unit can't be converted.
        """
        meaning = self.meaning(name)
        if meaning.unit != "PRB/s":
            return conversion(meaning.unit, self._catalogue.get(meaning.counter).unit)
        per_s = self._prbs_per_s[meaning.counter.endswith("Ul")]
        if not per_s or period_s <= 0:
            raise BadInput(
                "unknown-unit",
                f"{self.source} counts PRBs under {name[:60]!r}: say how many the carrier has in a second",
            )
        return Conversion(100.0 / (per_s * period_s))
