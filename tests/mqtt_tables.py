"""A table of MQTT topics with one entry of every format."""

from __future__ import annotations

TABLE = """
[[topic]]
filter = "packs/+"
format = "senml"
element = "ManagedElement={1}"

[[topic]]
filter = "bare"
format = "senml"

[[topic]]
filter = "$share/twin/plant/+/+/state"
format = "json"
element = "SubNetwork={1},Sensor={2}"
time = "at"
time_kind = "epoch-s"
[topic.fields."air.temperature"]
counter = "PEE.AvgTemperature"
unit = "K"
[topic.fields.meter]
counter = "PEE.Energy"
unit = "Wh"
cumulative = true

[[topic]]
filter = "kept/+"
format = "json"
element = "Sensor={1}"
time = "at"
time_kind = "iso"
retained = true
[topic.fields.v]
counter = "PEE.Voltage"

[[topic]]
filter = "lora/#"
format = "lorawan"

[[topic]]
filter = "spBv1.0/#"
format = "sparkplug"
element = "ManagedElement={edge}"
device = "ManagedElement={edge},Sensor={device}"
rebirth = true
[topic.fields.Temperature]
counter = "PEE.AvgTemperature"
unit = "Cel"
[topic.fields."Supply/Voltage"]
counter = "PEE.Voltage"
unit = "mV"
[topic.fields.Energy]
counter = "PEE.Energy"
unit = "kWh"
cumulative = true
"""
