"""A network without training: random weights, every kind of layer."""

from __future__ import annotations

import numpy as np

from models.artifact import Layer, ModelArtifact, Output, Training, with_version

FEATURES = ("now", "before", "slope")


def some_artifact(seed: int = 0, units: int = 8) -> ModelArtifact:
    """A model of two targets and three quantiles; its second feature may be missing."""
    rng = np.random.default_rng(seed)
    layers = [
        Layer(kind="dense", units=units, activation="relu"),
        Layer(kind="residual", units=units, activation="tanh"),
        Layer(kind="wide", units=5),
    ]
    F, marks = len(FEATURES), 1
    shapes = [(units, F + marks), (units, units), (5, units + F + marks)]
    arrays = {"mean": np.array([0.5, 0.5, 0.0], np.float32), "deviation": np.array([0.2, 0.2, 0.1], np.float32)}
    for k, shape in enumerate(shapes):
        arrays[f"{k}/weights"] = rng.normal(0, 0.5, shape).astype(np.float32)
        arrays[f"{k}/bias"] = rng.normal(0, 0.2, shape[0]).astype(np.float32)
    targets = ["X>60@1h", "X>80@1h"]
    outputs = [Output(kind="log_odds", target=target, horizon_s=3600) for target in targets]
    outputs += [Output(kind="quantile", target="X", horizon_s=3600, level=q, scale=100) for q in (0.1, 0.5, 0.9)]
    return with_version(
        ModelArtifact(
            m_l_model_id="some",
            kind="failure",
            targets=targets,
            horizons=[3600],
            granularity_ms=3_600_000,
            features=list(FEATURES),
            marked=[1],
            layers=layers,
            outputs=outputs,
            training=Training(begin=0, end=1, samples=1, seed=seed),
            arrays=arrays,
        )
    )
