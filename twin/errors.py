"""One error tree for the whole product.

A message is a fact in lower case, then what to do next.
"""

from __future__ import annotations


class LockstepError(Exception):
    """Anything Lockstep raises on purpose."""


class BadInput(LockstepError):
    """An input that can't be used; the worker rejects it and goes on.

    Args:
        reason: Short machine-readable reason, one of `REASONS`.
        detail: What is wrong and where, for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class TooManyRejected(LockstepError):
    """So much is rejected that the fault is ours or the source's: stop, don't dead-letter the rest."""


class Fenced(LockstepError):
    """Another worker owns this partition now; nothing was written."""


class SnapshotError(LockstepError):
    """A snapshot can't be restored: damaged, or written by another version."""


class ArtifactError(LockstepError):
    """A trained model can't be used: damaged, of another version, or with a part this program doesn't know."""


class TrainingDataError(LockstepError):
    """Nothing was trained: the data are corrupt, or there is nothing in them to learn."""


class ConfigurationError(LockstepError):
    """A setting, a profile or a file of the user's is wrong."""


class Unknown(ConfigurationError):
    """What somebody names is not there."""


class LogGone(LockstepError):
    """The log no longer holds what the twin needs to catch up; waiting won't bring it back."""


class Stuck(LockstepError):
    """A worker gets nothing done though all it stands on answers; a new process may."""


class Unavailable(LockstepError):
    """A service that Lockstep needs doesn't answer."""


REASONS = {
    "malformed": "the bytes are not valid JSON",
    "wrong-type": "a field is missing or has the wrong type",
    "unknown-type": "the event type is not one of ours",
    "unknown-schema-version": "the event was written by a schema this version doesn't know",
    "no-time-zone": "a time stamp has no zone",
    "future": "the period ends in the future of the message that carries it",
    "bad-period": "the period ends before it begins or is longer than a day",
    "empty": "there is nothing in it: a report without an object or counter, a file without a node",
    "shape": "the values don't have one row an object and one column a counter",
    "unknown-counter": "a counter is not in the catalogue",
    "out-of-range": "a value lies outside the counter's range",
    "unknown-object": "an object is not in the inventory and the settings say to reject such",
    "bad-name": "a distinguished name can't be read",
    "too-large": "the message is larger than the limit",
    "too-many": "a source sends more of a kind than the twin has room for",
    "contradiction": "it says two different things about one object, or more than what is known allows",
    "out-of-scope": "an inventory lists what lies outside its scope",
    "outdated": "a newer inventory of the same scope has been applied already",
    "rate": "one source sends more than its limit",
    "subscriber-id": "it holds an identifier of a subscriber and there is no key to make a pseudonym with",
    "damaged-model": "the bytes of a model can't be read",
    "unfit-model": "a model predicts or needs what this twin doesn't have",
    "illegal-transition": "a model can't enter that state from the one it is in",
    "unknown-unit": "the unit can't be converted to the counter's",
}
"""Every reason a message is rejected for, and what it means."""
