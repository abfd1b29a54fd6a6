"""The emulated network: emits what a real one would, and hides the truth behind it from the twin."""

from stream.sources.emulator.messages import Item
from stream.sources.emulator.network import EmulatedNetwork, records
from stream.sources.emulator.rates import Rates
from stream.sources.emulator.script import AmplifierLoss, Crowd, FanWear, Script, SilentSensor

__all__ = [
    "AmplifierLoss",
    "Crowd",
    "EmulatedNetwork",
    "FanWear",
    "Item",
    "Rates",
    "Script",
    "SilentSensor",
    "records",
]
