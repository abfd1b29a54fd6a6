"""The AsyncAPI 3.0 document: every topic as a channel, and what sources and subscribers do with it.

Operations are those of the programs around Lockstep: a source sends, a subscriber receives. Attributes of CloudEvents
travel as headers, `ce_` and their name (Kafka's binary mode). Sources may leave the headers out: then the topic says
what it is.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from stream.contract.schemas import DIALECT, SENML, Schema, schema_of, senml_schema
from stream.contract.vocabulary import EVENTS, carried, topics
from stream.contract.wording import summary
from stream.topics import INBOX, OUTLETS, RECORDED, SOURCES, Topic

Document = dict[str, Any]

SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"

ABOUT: Final = (
    "What a digital twin of a mobile network reads and writes on Kafka. Operations are those of the programs around "
    "it: sources send, subscribers receive. Messages are delivered at least once; a repeated one has the same ce_id "
    "and the same bytes. Readers skip fields that they don't know, and take a value of an enumeration that they don't "
    "know as unknown. Names of topics stand here without the setting LOCKSTEP_TOPIC_PREFIX."
)

_KEYS: Final = {
    "element": "Distinguished name of the element: what one element says stays in order.",
    "object": "Distinguished name of the object.",
    "source": "Who says it.",
    "region": "Distinguished name of the region.",
    "partition": "Number of the log's partition.",
    "target": "What is predicted, by name.",
    "model": "Name of the model's version.",
}

_SENDERS: Final = {topic.name: f"source.{kind}" for kind, topic in SOURCES.items()}
_NAMES: Final = {topic.name: f"subscriber.{kind}" for kind, topic in OUTLETS.items()}


def document() -> Document:
    """The whole document, as plain data."""
    table = topics()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lockstep",
            "version": version("lockstep-twin"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in table},
        "operations": {name: operation for topic in table for name, operation in _operations(topic)},
        "components": {
            "messages": {
                _message_name(topic, type_): _message(topic, type_) for topic in table for type_ in carried(topic)
            },
            "schemas": {
                **{type_: _format(schema_of(type_)) for type_ in sorted(EVENTS)},
                **_foreign(table),
                "cloudevents": _format(headers_schema()),
            },
        },
    }


def headers_schema(type_: str = "", recorded: bool = False) -> Schema:
    """What the headers of a message must say, as text by name.

    Args:
        type_: CloudEvents type; empty: any.
        recorded: With the time at which the log took it in, which records of the log have.
    """
    moment = {"type": "string", "format": "date-time"}
    text = {"type": "string"}
    properties: dict[str, Schema] = {
        "ce_specversion": {"const": "1.0", "description": "Of CloudEvents."},
        "ce_id": {"type": "string", "minLength": 1, "description": "A repeated message has the same one."},
        "ce_source": {"type": "string", "minLength": 1, "description": "Who wrote it."},
        "ce_type": {"type": "string", "pattern": r"^[a-z0-9.-]+\.v[0-9]+$", "description": "Event and version."},
        "ce_subject": text | {"description": "What it is about: the message's key."},
        "ce_time": moment | {"description": "Event time."},
        "content-type": {"const": "application/json"},
        RECORDED: moment | {"description": "When the log took it in; records of the log have it."},
    }
    if type_:
        properties["ce_type"] = {"const": type_}
    required = [name for name in properties if recorded or name != RECORDED]
    return {"$schema": DIALECT, "type": "object", "properties": properties, "required": required}


def _channel(topic: Topic) -> Document:
    names = [_message_name(topic, type_) for type_ in carried(topic)]
    kafka: Document = {
        "topic": topic.name,
        "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
        "bindingVersion": "0.5.0",
    }
    if topic.partitions:
        kafka["partitions"] = topic.partitions
    spread = f"{topic.partitions} partition" if topic.partitions else "as many partitions as the setting says"
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}; {spread}; kept for {topic.retention_ms / 86_400_000:g} days.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": kafka},
    }


def _operations(topic: Topic) -> list[tuple[str, Document]]:
    """Who does what with a topic; what one may send is a message of a source or of an operator."""
    everything = carried(topic)
    if topic.name in _SENDERS:
        return [(f"{_SENDERS[topic.name]}.send", _operation("send", topic, everything))]
    if topic is INBOX:
        return [("recorder.log.receive", _operation("receive", topic, everything))]
    receiver = _NAMES.get(topic.name, f"subscriber.{topic.name}")
    made = [(f"{receiver}.receive", _operation("receive", topic, everything))]
    # A second type on an outlet is a person's word to whoever reads it.
    if controls := everything[1:]:
        made.append((f"operator.{receiver.partition('.')[2]}.send", _operation("send", topic, controls)))
    return made


def _operation(action: str, topic: Topic, types: tuple[str, ...]) -> Document:
    channel = f"#/channels/{topic.name}"
    refs = [{"$ref": f"{channel}/messages/{_message_name(topic, type_)}"} for type_ in types]
    return {"action": action, "channel": {"$ref": channel}, "messages": refs}


def _message_name(topic: Topic, type_: str) -> str:
    """One type is another message to a source, which may leave headers out, than in the log."""
    role = "source." if topic.name in _SENDERS else "log." if topic is INBOX else ""
    return role + _schema_name(type_)


def _message(topic: Topic, type_: str) -> Document:
    ours = type_ in EVENTS
    headers = headers_schema(type_ if ours else "", recorded=topic is INBOX)
    del headers["$schema"]
    if topic.name in _SENDERS:
        del headers["required"]
    if not ours:
        headers["properties"]["content-type"] = {"type": "string"}
    kind = EVENTS.get(type_)
    return {
        "name": type_,
        "title": kind.__name__ if kind else type_,
        "summary": summary(kind).split("\n\n")[0] if kind else f"Content of the media type {type_}.",
        "contentType": "application/json" if ours else type_,
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{_schema_name(type_)}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": _KEYS.get(topic.key, f"The {topic.key}.")},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _foreign(table: list[Topic]) -> Document:
    """Schemas of what isn't ours; of a media type that we have no schema for, anything."""
    types = {type_ for topic in table for type_ in carried(topic) if type_ not in EVENTS}
    known = {SENML: senml_schema()}
    return {_schema_name(type_): _format(known.get(type_, {"$schema": DIALECT})) for type_ in sorted(types)}


def _schema_name(type_: str) -> str:
    """Keys of components hold letters, digits, dots, hyphens and underscores."""
    return type_.replace("/", ".").replace("+", ".")


def _format(schema: Schema) -> Document:
    return {"schemaFormat": SCHEMA_FORMAT, "schema": schema}
