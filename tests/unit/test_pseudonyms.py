"""Identifiers of subscribers: found wherever they are written, replaced alike, and never kept by mistake."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identifiers import IMEI, IMSI, KEYED, KEYLESS, MAC, MSISDN

from stream.pseudonyms import MARK, REMOVED, Pseudonyms
from twin.errors import BadInput

HOLDS_ONE = {
    "UE=4711": "4711",
    f"ManagedElement=g,UE=imsi-{IMSI}": IMSI,
    f"imsi-{IMSI}": IMSI,
    f"SUPI=imsi-{IMSI}": IMSI,
    IMSI: IMSI,
    f"attach of IMSI: {IMSI} refused": IMSI,
    f"ueImsi={IMSI}": IMSI,
    f"imei-{IMEI}": IMEI,
    f"imeisv-{IMEI}1": IMEI,
    f"msisdn-{MSISDN}": MSISDN,
    f"call from +{MSISDN} dropped": MSISDN,
    "suci-0-262-01-0-0-0-0000000001": "0000000001",
    "5g-guti-26201ab12cd34": "26201ab12cd34",
    "S-TMSI=0xab12cd34": "ab12cd34",
    "RAN-UE-NGAP-ID=17": "17",
    "ranUeNgapId: 17": " 17",
    "C-RNTI=0x4601": "4601",
    "nai-user@realm.example": "user@realm",
    "mac:a45e60d21107": MAC,
    "a4:5e:60:d2:11:07": "d2:11",
    "A4-5E-60-D2-11-07": "D2-11",
    "a45e.60d2.1107": "60d2",
    rf"Sensor=imsi\3D{IMSI}": IMSI,
    rf"Sensor=x\22{IMSI}": IMSI,
    # Beside letters, but in no digest: a name, a filler, too short or too long a word, capitals, an escaped letter.
    f"phone{IMSI}abcdef": IMSI,
    f"{IMSI}f": IMSI,
    f"abc{IMSI}d": IMSI,
    f"{'ab' * 60}{IMSI}{'cd' * 60}": IMSI,
    f"ABCDEF{IMSI}": IMSI,
    rf"x\2c{IMSI}abcdef": IMSI,
}
HOLDS_NONE = [
    "SubNetwork=north,ManagedElement=gnb-17,NRCellDU=2",
    "NRCellDU=68719476735",
    "urn:dev:mac:0024befffe804ff1:temperature",
    "2026-11-22T08:00:00Z",
    "2026-11-22T08:15:00.123456+00:00",
    "1767571200000",
    "20261122055002",
    "DRB.UEThpDl.UEID",
    "RRC.ConnMean",
    "Venue=5,Machine=7",
    "UE throughput is low",
    "10.20.30.40",
    "2001:db8:0:1:2:3:4:5",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "0.123456789012345",
    # Digests may hold 15 digits in a row: 20 to 128 of hexadecimal.
    f"note/abc{IMSI}abcdef",
    f"api-local-{IMSI}{'a' * 17}",
    f"{'a' * 113}{IMSI}",
    "",
]


@pytest.mark.parametrize("text", HOLDS_ONE)
def test_an_identifier_is_found_and_replaced(text: str) -> None:
    clean = KEYED.text(text)
    assert MARK in clean
    assert HOLDS_ONE[text] not in clean
    assert KEYED.text(clean) == clean, "doing it twice changes nothing"
    assert KEYED.may_hold_one(text.encode())
    assert HOLDS_ONE[text] not in KEYLESS.text(text)
    assert REMOVED in KEYLESS.text(text)


@pytest.mark.parametrize("text", HOLDS_NONE)
def test_what_is_none_stays(text: str) -> None:
    assert KEYED.text(text) == KEYLESS.text(text) == text


def test_what_messages_are_named_by_is_no_identifier() -> None:
    """Ids of ours are hashes or random, and some hold 15 digits in a row: nothing may be refused for that."""
    names = [f"{prefix}{digest(n, size)}" for n in range(4000) for prefix, size in NAMED]
    assert sum(re.search(r"(?<!\d)\d{15}(?!\d)", name) is not None for name in names) > 5
    for name in names:
        body = json.dumps({"id": name}).encode()
        assert KEYLESS.json(body) is body


NAMED = [("note/", 12), ("topology-", 12), ("candidate/", 12), ("api-local-", 16)]
"""Sizes in bytes; the last is that of a UUID."""


def digest(number: int, size: int) -> str:
    return blake2b(b"%d" % number, digest_size=size).hexdigest()


def test_one_identifier_has_one_pseudonym_however_it_is_written() -> None:
    subscriber = {KEYED.text(t).partition(MARK)[2] for t in (IMSI, f"imsi-{IMSI}", f"IMSI={IMSI}")}
    assert len(subscriber) == 1
    device = {KEYED.text(t).partition(MARK)[2] for t in ("a4:5e:60:d2:11:07", "A4-5E-60-D2-11-07", f"mac:{MAC}")}
    assert len(device) == 1
    assert len(subscriber | device) == 2


def test_another_key_gives_others_and_a_short_one_is_refused() -> None:
    assert Pseudonyms(b"other" * 8).text(IMSI) != KEYED.text(IMSI)
    with pytest.raises(ValueError, match="32"):
        Pseudonyms(b"short")


def test_a_pseudonym_is_the_hash_it_is_said_to_be() -> None:
    import hashlib
    import hmac
    from base64 import b32decode

    body = KEYED.pseudonym(IMSI).removeprefix(MARK).upper()
    made = hmac.new(b"k" * 32, b"lockstep.pseudonym.v1\0" + IMSI.encode(), hashlib.sha256).digest()
    assert b32decode(body + "=" * (-len(body) % 8)) == made[:16]


def test_strange_devices_can_be_hidden_too() -> None:
    strict = Pseudonyms(b"k" * 32, own_sensors=False)
    text = "urn:dev:mac:0024befffe804ff1:temperature"
    assert strict.may_hold_one(text.encode())
    assert "0024be" not in strict.text(text)
    assert strict.text(text).endswith(":temperature")


@given(st.text(max_size=60))
def test_the_quick_look_never_misses(text: str) -> None:
    if KEYED.text(text) != text:
        assert KEYED.may_hold_one(text.encode("utf-8", "surrogatepass"))


PIECES = ["imsi", "-", "=", "ue", "UE", "id", " ", "ngap", "mac", ":", "5", "2620", "+", ","]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_pieces_of_identifiers_neither(parts: list[str]) -> None:
    text = "".join(parts)
    clean = KEYED.text(text)
    assert KEYED.text(clean) == clean
    if clean != text:
        assert KEYED.may_hold_one(text.encode())


SLOW = [
    "ue ng",
    "imsi",
    "imsi-",
    "ue_",
    "a4:",
    "0a-",
    "nai-",
    "1234.",
    "mac ",
    "5",
    "rnti ",
    "UE=",
    "+1",
    "subscriber id",
    f"{IMSI}a",
]


@pytest.mark.parametrize("piece", SLOW)
def test_no_text_makes_it_slow(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    KEYED.text(text)
    with suppress(BadInput):
        KEYED.json(json.dumps({text[:5000]: text}).encode())
    assert time.process_time() - began < 2


def test_a_message_full_of_them_is_refused_soon() -> None:
    many = json.dumps({"x": [f"imsi-{n:015}" for n in range(200_000)]}).encode()
    began = time.process_time()
    with pytest.raises(BadInput, match="too-many"):
        KEYED.json(many)
    assert time.process_time() - began < 2
    assert KEYED.text("UE=1 " * 20_000) == REMOVED
