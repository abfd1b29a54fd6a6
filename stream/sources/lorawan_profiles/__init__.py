"""Profiles of LoRaWAN network servers that come with the program."""
