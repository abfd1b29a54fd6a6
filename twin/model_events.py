"""Models in the log: a candidate with its bytes, what becomes of it, and how it compares; see `twin.events`.

Names of TS 28.105 (MLModel, mLModelId, mLModelVersion, MLTrainingReport) stand where that standard has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal

import msgspec

from twin.events import SCHEMA_VERSION, Time, Whole

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Text = Annotated[str, msgspec.Meta(max_length=4096)]

State = Literal["shadow", "champion", "retired"]
"""What a transition may make of a candidate."""

ONLINE = "online"
"""Stands for the online model alone, where a target has no batch model."""

MOST_ARTIFACT = 1 << 20
"""Of a model in the log [byte]."""


class ModelCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A trained model enters the log, bytes and all: replay needs nothing else; goes to every partition.

    Attributes:
        id: A function of the model's name and its bytes.
        time: End of the data it was trained on.
        ml_model_id, ml_model_version: As in TS 28.105; the two together name the model.
        targets: What it predicts, by name.
        artifact: As `models.artifact.pack` made it.
        evidence: What an MLTrainingReport says; read by `models.evidence`.
        source: Who trained it, and what started that.
    """

    id: Name
    time: Time
    ml_model_id: Name = msgspec.field(name="mLModelId")
    ml_model_version: Name = msgspec.field(name="mLModelVersion")
    targets: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=64)]
    artifact: Annotated[bytes, msgspec.Meta(max_length=MOST_ARTIFACT)]
    evidence: dict[str, Any] = {}
    source: Text = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def model(self) -> str:
        """Name of this version."""
        return model_name(self.ml_model_id, self.ml_model_version)


class ModelTransition(msgspec.Struct, frozen=True, kw_only=True):
    """A version enters another state of its life; goes to every partition, and replay repeats it.

    Attributes:
        id: A function of what it says.
        time: Event time of the evidence.
        model: Name of the version; the champion of a target that is given back to the online model is retired.
        targets: For which of its targets; empty: all.
        reason: In words; `evidence` holds the numbers.
        by: Who decided: `keeper`, or a person.
    """

    id: Name
    time: Time
    model: Name
    state: State
    targets: list[Name] = []
    reason: Text = ""
    evidence: dict[str, Any] = {}
    by: Annotated[str, msgspec.Meta(max_length=256)] = "keeper"
    schema_version: int = SCHEMA_VERSION


class Binned(msgspec.Struct, frozen=True, kw_only=True):
    """Matured predictions by their log-odds, see `models.comparing`: enough for calibration and average precision.

    Attributes:
        count, positives: Of predictions, one a bin.
        probability: Their sum, one a bin.
    """

    count: list[Whole]
    positives: list[Whole]
    probability: list[float]


class ModelComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two models on the same events of one partition and hour: sums, so that partitions and hours can be added up.

    Attributes:
        id: A function of target, models, partition, granularity and hour.
        time: End of the hour that the labels are of.
        champion, candidate: Names of versions, or `online`.
        granularity_s: Of the periods that were predicted from [s].
        n, positives: Of labels.
        loss_champion, loss_candidate: Sum of the log loss [nat].
        difference: Sum of the champion's loss less the candidate's: above 0 the candidate is better.
        squares: Sum of the squares of these differences.
    """

    id: str
    time: Time
    partition: Whole
    target: str
    champion: str
    candidate: str
    n: Whole
    positives: Whole
    loss_champion: float
    loss_candidate: float
    difference: float
    squares: float
    champion_bins: Binned
    candidate_bins: Binned
    granularity_s: Whole = 0
    revision: int = 0
    schema_version: int = SCHEMA_VERSION


def model_name(ml_model_id: str, ml_model_version: str) -> str:
    """How a version is called everywhere."""
    return f"{ml_model_id}@{ml_model_version}"


def digest_of(artifact: bytes) -> str:
    """A fingerprint of a model's bytes, 32 hexadecimal digits."""
    return blake2b(artifact, digest_size=16).hexdigest()


def new_candidate(
    ml_model_id: str,
    ml_model_version: str,
    targets: Sequence[str],
    artifact: bytes,
    time: datetime,
    evidence: dict[str, Any] | None = None,
    source: str = "",
) -> ModelCandidate:
    """A candidate whose id is a function of its content."""
    named = blake2b(model_name(ml_model_id, ml_model_version).encode() + b"\0" + artifact, digest_size=12)
    return ModelCandidate(
        id=f"candidate/{named.hexdigest()}",
        time=time,
        ml_model_id=ml_model_id,
        ml_model_version=ml_model_version,
        targets=list(targets),
        artifact=artifact,
        evidence=evidence or {},
        source=source,
    )


def new_transition(
    model: str,
    state: State,
    time: datetime,
    *,
    targets: Sequence[str] = (),
    reason: str = "",
    evidence: dict[str, Any] | None = None,
    by: str = "keeper",
) -> ModelTransition:
    """A transition whose id is a function of what it says: two keepers that decide alike write the same one."""
    said = msgspec.json.encode([model, state, time, sorted(targets), by])
    return ModelTransition(
        id=f"transition/{blake2b(said, digest_size=12).hexdigest()}",
        time=time,
        model=model,
        state=state,
        targets=sorted(targets),
        reason=reason,
        evidence=evidence or {},
        by=by,
    )
