"""Every event reads as it was written; an old reader reads new data and a new one old data."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from strategies import READABLE, of, texts

from stream.decode import decode, from_ms, to_ms
from twin import events
from twin.events import Rejected

EVENTS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
quick = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@quick
@given(data=st.data())
def test_what_is_written_is_read(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    event = data.draw(of(kind))
    written = msgspec.json.encode(event)
    assert msgspec.json.decode(written, type=kind) == event
    assert msgspec.json.encode(msgspec.json.decode(written, type=kind)) == written, "the same event, the same bytes"


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@quick
@given(
    data=st.data(), more=st.dictionaries(texts.map("later-{}".format), texts | st.integers() | st.none(), max_size=3)
)
def test_an_old_reader_skips_what_is_new(kind: type[msgspec.Struct], data: st.DataObject, more: dict[str, Any]) -> None:
    event = data.draw(of(kind))
    newer = msgspec.json.decode(msgspec.json.encode(event)) | more
    assert msgspec.json.decode(msgspec.json.encode(newer), type=kind) == event


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@quick
@given(data=st.data())
def test_a_new_reader_fills_in_what_old_data_lack(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    event = data.draw(of(kind))
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    gone = data.draw(st.sets(st.sampled_from([f.name for f in info.fields if not f.required] or [""])))
    older = {f.encode_name: written[f.encode_name] for f in info.fields if f.name not in gone}
    read = msgspec.json.decode(msgspec.json.encode(older), type=kind)
    bare = {f.name: getattr(event, f.name) for f in info.fields if f.name not in gone}
    assert read == kind(**bare)


@pytest.mark.parametrize("type_", READABLE)
@quick
@given(data=st.data())
def test_the_decoder_takes_every_event_that_is_right(type_: str, data: st.DataObject) -> None:
    event = data.draw(READABLE[type_])
    assert decode(type_, msgspec.json.encode(event)) == event


@quick
@given(of(Rejected))
def test_a_rejected_message_can_be_had_back_to_the_byte(event: Rejected) -> None:
    assert msgspec.json.decode(msgspec.json.encode(event), type=Rejected).original == event.original


@given(st.integers(-(2**70), 2**70))
def test_any_number_is_a_time_that_can_be_written(ms: int) -> None:
    time = from_ms(ms)
    assert to_ms(time) == min(max(ms, 0), to_ms(from_ms(2**70)))
