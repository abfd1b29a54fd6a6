"""How equipment ages: what wears out, what fails at any age, and what only looks as if it would fail."""

from __future__ import annotations

from dataclasses import dataclass, replace

DAY_S = 86400.0


@dataclass(frozen=True)
class PartRates:
    """One kind of part; rates are per unit and year.

    Attributes:
        wear_outs: Failures that announce themselves. Lives are Weibull distributed with a shape of 3.
        random: Failures at any age, without any precursor.
        scares: Precursors that go away by themselves: dirt that a fan throws off, a connector that dries.
        warning_s: Median time from where wear shows until the failure [s].
    """

    wear_outs: float = 0.0
    random: float = 0.0
    scares: float = 0.0
    warning_s: float = 5 * DAY_S

    def faster(self, factor: float) -> PartRates:
        """The same, but everything happens `factor` times as often; a warning is as long."""
        return replace(
            self, wear_outs=self.wear_outs * factor, random=self.random * factor, scares=self.scares * factor
        )


@dataclass(frozen=True)
class Ageing:
    """Rates of the parts of a network; all zero: nothing ages.

    Attributes:
        fan, supply: One of each a base station.
        amplifier, line: One of each a cell; a line is the feeder with its connectors.
        heat_waves, wet_spells: Days of weather for the whole network, per year.

    Nothing about the shares is measured. That most failures don't come with age is well known: Nowlan and Heap,
    "Reliability-centered maintenance", 1978, found age in about one part in nine.
    """

    fan: PartRates = PartRates(0.12, 0.08, 0.10, 7 * DAY_S)
    supply: PartRates = PartRates(0.05, 0.08, 0.05, 4 * DAY_S)
    amplifier: PartRates = PartRates(0.04, 0.03, 0.03, 6 * DAY_S)
    line: PartRates = PartRates(0.03, 0.02, 0.05, 5 * DAY_S)
    heat_waves: float = 4.0
    wet_spells: float = 20.0

    def faster(self, factor: float) -> Ageing:
        """The same, but units fail `factor` times as often; warnings are as long, the weather stays."""
        return replace(
            self,
            fan=self.fan.faster(factor),
            supply=self.supply.faster(factor),
            amplifier=self.amplifier.faster(factor),
            line=self.line.faster(factor),
        )

    @staticmethod
    def none() -> Ageing:
        """Nothing ages, the weather is as usual."""
        return Ageing(PartRates(), PartRates(), PartRates(), PartRates(), 0.0, 0.0)
