"""Identifiers of a subscriber and devices, and who puts pseudonyms in their place, with a key and without."""

from __future__ import annotations

from stream.pseudonyms import Pseudonyms

IMSI, IMEI, MSISDN = "262011234567890", "356938035643809", "4917012345678"
MAC = "a45e60d21107"  # pragma: allowlist secret
KEYED, KEYLESS = Pseudonyms(b"k" * 32), Pseudonyms()
