"""Whether a candidate's bytes can be read, are those that the event speaks of, and are of use here. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from models.artifact import ModelArtifact, unpack
from models.failure.names import horizons_of, read_kind
from models.failure.signals import feature_names
from models.failure.target import FailureTarget
from models.targets import CongestionTarget
from twin.errors import ArtifactError, BadInput, ConfigurationError
from twin.model_events import ModelCandidate


def checked(event: ModelCandidate, targets: Collection[str]) -> ModelArtifact:
    """The model in a candidate.

    Args:
        targets: Names of those that this twin predicts.

    Raises:
        BadInput: damaged-model, unfit-model.
    """
    try:
        artifact = unpack(event.artifact)
    except ArtifactError as error:
        raise BadInput("damaged-model", str(error)) from error
    named = (artifact.m_l_model_id, artifact.m_l_model_version)
    if named != (event.ml_model_id, event.ml_model_version):
        raise BadInput("unfit-model", f"the bytes are those of {named[0]}@{named[1]}, not of {event.model}")
    if set(event.targets) != set(artifact.targets):
        raise BadInput("unfit-model", f"the bytes predict {', '.join(artifact.targets)}, the event says otherwise")
    if not set(targets) & set(event.targets):
        here = ", ".join(sorted(targets)) or "nothing"
        raise BadInput("unfit-model", f"it predicts {', '.join(event.targets)}, this twin {here}")
    if artifact.kind == "failure":
        _check_failure(artifact)
    return artifact


def predicted(targets: Iterable[CongestionTarget], failure_targets: Iterable[FailureTarget]) -> dict[str, int]:
    """Horizon [s] of every target that a batch model can speak for, by name."""
    return {target.name: target.horizon_s for target in targets} | horizons_of(failure_targets)


def _check_failure(artifact: ModelArtifact) -> None:
    """A failure model sees what the heads of one kind of objects see.

    Raises:
        BadInput: unfit-model.
    """
    try:
        read = [read_kind(name) for name in artifact.targets]
    except ConfigurationError as error:
        raise BadInput("unfit-model", str(error)) from error
    kinds = sorted({kind for _, kind in read})
    if len(kinds) > 1 or len({target.horizon_s for target, _ in read}) > 1:
        raise BadInput("unfit-model", "a failure model is of one kind of objects and one horizon")
    if artifact.features != feature_names(kinds[0]):
        raise BadInput("unfit-model", f"its features are not those that this program makes of a {kinds[0]}")
