"""The emulated network: emits what a real one would, and hides the truth behind it from the twin."""

from stream.sources.emulator.ageing import Ageing, PartRates
from stream.sources.emulator.messages import Item
from stream.sources.emulator.network import EmulatedNetwork, records
from stream.sources.emulator.rates import Rates
from stream.sources.emulator.script import AmplifierLoss, Crowd, FanWear, Script, SilentSensor

__all__ = [
    "Ageing",
    "AmplifierLoss",
    "Crowd",
    "EmulatedNetwork",
    "FanWear",
    "Item",
    "PartRates",
    "Rates",
    "Script",
    "SilentSensor",
    "records",
]
