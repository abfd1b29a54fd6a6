"""Whether a candidate's bytes can be read, are those that the event speaks of, and are of use here. Pure."""

from __future__ import annotations

from collections.abc import Collection

from models.artifact import ModelArtifact, unpack
from twin.errors import ArtifactError, BadInput
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
    if artifact.kind != "congestion":
        raise BadInput("unfit-model", f"the fold runs no batch model of the kind {artifact.kind}")
    return artifact
