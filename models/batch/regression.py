"""A regression set: inputs whose answers every version has to get right, whatever its scores are."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.batch.spec import BESIDE, LONG, OVER
from models.logit import sigmoid
from models.network import Network

F32 = np.float32
Floats = NDArray[Any]

CASES = ("idle", "average", "full", "only now", "beyond")


class Passed(NamedTuple):
    """How a version has done; `digest` names the set."""

    digest: str
    cases: int
    failed: list[str]


def regression(artifact: ModelArtifact) -> Passed:
    """Try a model on made-up objects; of a congestion model:

    An idle cell, usually idle, is not called congested; a full one, usually full, is likelier to be congested than it;
    where everything but the value now is missing there is still an answer; what lies far beyond all that was seen
    gives a number; an answer is the same alone and in company.
    """
    spec = artifact.spec
    if spec is None:
        return _failures(artifact)
    names = artifact.features
    own = [k for k, n in enumerate(names) if n.split("@")[0] in _VALUES]
    X = np.repeat(artifact.arrays["mean"][:, None], len(CASES), axis=1).astype(F32)
    X[own, 0] = 0
    shares = [k for k, n in enumerate(names) if n.startswith(("recent_over", "usual_over", *OVER))]
    X[shares, 0] = 0
    X[own, 2] = max(spec.thresholds) / spec.scale * 1.2
    X[shares, 2] = 1
    X[artifact.marked, 3] = np.nan
    X[:, 4] = artifact.arrays["mean"] + 1e6 * artifact.arrays["deviation"]
    network = Network(artifact)
    p = sigmoid(network.log_odds(X).astype(np.float64))
    out = network.outputs(X)
    failed = []
    for k, target in enumerate(artifact.targets):
        if not p[k, 0] < 0.5:
            failed.append(f"idle is congested: {target}")
        if not p[k, 2] > p[k, 0]:
            failed.append(f"full is no likelier than idle: {target}")
    if not np.isfinite(out).all():
        failed.append("no number")
    alone = np.concatenate([network.outputs(X[:, k : k + 1]) for k in range(len(CASES))], axis=1)
    if alone.tobytes() != out.tobytes():
        failed.append("not the same alone and in company")
    digest = blake2b("/".join([*CASES, *names]).encode(), digest_size=8).hexdigest()
    return Passed(digest, len(CASES), failed)


def _failures(artifact: ModelArtifact) -> Passed:
    """Try a failure model: what is as new is not called failing; what is worn in every way is no less likely to fail;
    an answer is a number whatever is asked, and the same alone and in company."""
    F = len(artifact.features)
    worn = np.array([6.0 * (not name.endswith("missing")) for name in artifact.features])
    X = np.stack([np.zeros(F), worn, np.full(F, 1e6), np.full(F, -1e6)], axis=1).astype(F32)
    network = Network(artifact)
    p = sigmoid(network.log_odds(X).astype(np.float64))
    failed = []
    for k, target in enumerate(artifact.targets):
        if not p[k, 0] < 0.5:
            failed.append(f"as new is failing: {target}")
        if not p[k, 1] >= p[k, 0]:
            failed.append(f"worn is less likely to fail than as new: {target}")
    if not np.isfinite(p).all():
        failed.append("no number")
    alone = np.concatenate([network.log_odds(X[:, k : k + 1]) for k in range(X.shape[1])], axis=1)
    if alone.tobytes() != network.log_odds(X).tobytes():
        failed.append("not the same alone and in company")
    digest = blake2b("/".join(["failures", *artifact.features]).encode(), digest_size=8).hexdigest()
    return Passed(digest, X.shape[1], failed)


_VALUES = {
    "now", "lag1", "lag2", "lag3", "fast", "slow", "day", "usual_now", "yesterday_now", "lastweek_now", "around_now",
    "usual", "yesterday", "lastweek", *LONG, *BESIDE,
}  # fmt: skip
