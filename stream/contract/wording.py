"""What docstrings say of a structure and of its fields: the words of the schemas."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Final

import msgspec

COMMON: Final = {
    "action": "What is to be done.",
    "additional_text": "In words.",
    "alarm_type": "Of ITU-T X.733, as in TS 28.532, such as EQUIPMENT_ALARM.",
    "attribute": "Name of the attribute.",
    "attributes": "By name: numbers, text, truth or null.",
    "base_version": "Of the radio model's parameters to begin with.",
    "begin": "Begin of the period, RFC 3339 with a zone.",
    "candidate_bins": "Of the candidate's predictions.",
    "cells": "Distinguished names, one a column or an entry of the lists beside it.",
    "champion_bins": "Of the champion's predictions.",
    "change": "What has changed.",
    "counter": "Name of the counter, as in TS 28.552.",
    "detail": "More of it.",
    "dn": "Distinguished name.",
    "drifts": "Ids of the drifts that led to it.",
    "element": "Distinguished name of the element it is about.",
    "end": "End of the period, RFC 3339 with a zone.",
    "entities": "Nodes of the topology.",
    "event_time": "When it happened, RFC 3339 with a zone.",
    "evidence": "The numbers it rests on, by name.",
    "fault_name": "Of the expected fault; empty where nothing points to one.",
    "granularity_s": "Length of the period [s].",
    "horizon_s": "How far ahead it speaks [s].",
    "id": "A function of the content: a repeated message has the same one.",
    "key": "Of the message.",
    "kind": "What it is.",
    "metrics": "Figures by name; null where there is none.",
    "model": "Name of the model.",
    "model_version": "Version of the model, in full.",
    "name": "What it is called.",
    "notification_id": "Of the alarm: the same from its raising to its clearing.",
    "num_objects": "How many there are.",
    "num_prbs": "Resource blocks of the carrier.",
    "object": "Distinguished name of the object it is about.",
    "object_instance": "Distinguished name of the object it is about.",
    "objects": "Distinguished names.",
    "partition": "Of the log.",
    "pattern": "Of the antenna element, as Sionna RT names it.",
    "perceived_severity": "Of ITU-T X.733; CLEARED ends the alarm.",
    "posterior": "Parameters of the radio model, with their uncertainty.",
    "probable_cause": "Of ITU-T X.733.",
    "reason": "Why.",
    "region": "Distinguished name of the region.",
    "relations": "Edges of the topology.",
    "remaining_life_high_s": "Upper end of its interval [s], a year where that is open; null where no wear is visible.",
    "remaining_life_low_s": "Lower end of the interval of the remaining life [s]; null where no wear is visible.",
    "remaining_life_s": "Remaining life [s]; null where no wear is visible.",
    "removed": "Distinguished names of what is no more.",
    "request": "Id of the burst request.",
    "revision": "Of the twin, after what led to this.",
    "schema_version": "Of this structure; a reader of version 1 reads everything that says 1.",
    "score": "1 where everything agrees, 0 where nothing does.",
    "soundings": "What was heard, and where.",
    "source": "Who said it.",
    "specific_problem": "What exactly.",
    "state": "What it becomes.",
    "status": "How it stands.",
    "target": "What is predicted, by name.",
    "threshold": "In the counter's unit; what lies above counts.",
    "tier": "What the expectation rests on: statistical, empirical, ray-traced.",
    "time": "Event time, RFC 3339 with a zone.",
    "touched": "Distinguished names of the cells that it is about.",
    "truncated": "It was cut.",
    "value": "Its value.",
    "worker": "Who is at it.",
    "worst": "Distinguished names of those that agree least, worst first.",
    "worst_scores": "Theirs, one an entry of `worst`.",
}
"""Of fields that mean the same everywhere, where a docstring has nothing of its own to say."""

STANDARD: Final = "As in the standard that this structure is from."

_ENTRY = re.compile(r"(?P<names>[a-z_]\w*(?:, [a-z_]\w*)*): (?P<text>.*)", re.DOTALL)
_SECTION = re.compile(r"\n\n?(?:Attributes|Args):\n")


def summary(kind: type) -> str:
    """A docstring without its list of fields, in one line a paragraph."""
    head = _SECTION.split(inspect.cleandoc(kind.__doc__ or ""), maxsplit=1)[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in head.split("\n\n"))


def field_texts(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What is said of each field, by its name on the wire; a field nothing is said of is left out."""
    said = dict(_entries(kind))
    fields = msgspec.structs.fields(kind)
    # Names of others on the wire: what nothing is said of is theirs, too.
    rest = STANDARD if any(field.encode_name != field.name for field in fields) else ""
    texts = {field.encode_name: said.get(field.name) or COMMON.get(field.name, rest) for field in fields}
    return {name: text for name, text in texts.items() if text}


def _entries(kind: type) -> Iterator[tuple[str, str]]:
    parts = _SECTION.split(inspect.cleandoc(kind.__doc__ or ""), maxsplit=1)
    if len(parts) < 2:
        return
    # An entry begins at the section's own depth; what is deeper goes on with it. A blank line ends the section.
    body = inspect.cleandoc(parts[1].split("\n\n")[0])
    for entry in re.split(r"\n(?=\S)", body):
        if match := _ENTRY.fullmatch(entry):
            text = " ".join(match["text"].split())
            for name in match["names"].split(", "):
                yield name, text
