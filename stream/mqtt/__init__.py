"""From an MQTT broker to the source topics."""
