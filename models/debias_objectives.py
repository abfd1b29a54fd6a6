"""What is minimised when a twin's labels stand beside real ones: every objective as weights of per-sample losses.

With real pairs (X_i, Y_i), i = 1..n, unlabelled inputs X~_j, j = 1..N, and the label model f:

    sum_i real_i l(X_i, Y_i)  -  sum_i corrected_i l(X_i, f(X_i))  +  sum_j synthetic_j l(X~_j, f(X~_j))

| name | real_i | corrected_i | synthetic_j |
|---|---|---|---|
| erm | 1/n | 0 | 0 |
| p-erm | 1/(n + N) | 0 | 1/(n + N) |
| ppi, cross-ppi | 1/n | 1/n | 1/N |
| tuned-ppi, tuned-cross-ppi | 1/n | lam/n | lam/N |
| dr | beta/n | beta/n - 1/(n + N) | 1/(n + N) |
| tdr | beta/n | beta lam/n | lam/N |
| cdr | beta/n | beta lam_c(i)/n | lam_c(j)/N |

Sources: Angelopoulos et al., "Prediction-powered inference" and "PPI++", 2023; Zrnic and Candès, "Cross-prediction-
powered inference", 2023; Sifaou and Simeone, "Semi-supervised learning via cross-prediction-powered inference for
wireless systems", 2024; Ruah et al., "Context-aware doubly-robust semi-supervised learning", 2025.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import ConfigurationError

Floats = NDArray[Any]
Ints = NDArray[np.int64]

Fit = Literal["none", "all", "split", "cross"]
Lam = Literal["none", "one", "tuned", "context"]


class Objective(NamedTuple):
    """One of them.

    Attributes:
        name: As in the table above.
        fit: What a label model that is fitted may see of the real pairs: nothing, all, a part that is then left out
            of the objective, or all but the fold it labels.
        lam: How much the twin is believed: not at all or fully (`none`, `one`), or by the gradients of a batch, one
            number for all samples (`tuned`) or for each context.
        ramp: Whether the correction grows from 0 to 1 over the epochs.
        pooled: Whether real inputs, labelled by the twin, also count as unlabelled ones.
    """

    name: str
    fit: Fit
    lam: Lam
    ramp: bool = False
    pooled: bool = False

    @property
    def synthetic(self) -> bool:
        """Whether it looks at anything but real pairs."""
        return self.fit != "none"


OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {
        one.name: one
        for one in (
            Objective("erm", "none", "none"),
            Objective("p-erm", "all", "none", pooled=True),
            Objective("ppi", "split", "one"),
            Objective("tuned-ppi", "split", "tuned"),
            Objective("cross-ppi", "cross", "one"),
            Objective("tuned-cross-ppi", "cross", "tuned"),
            Objective("dr", "cross", "one", ramp=True, pooled=True),
            Objective("tdr", "cross", "tuned", ramp=True),
            Objective("cdr", "cross", "context", ramp=True),
        )
    }
)


def objective_named(name: str | Objective) -> Objective:
    """The objective of a name; raises ConfigurationError for one that isn't there."""
    if isinstance(name, Objective):
        return name
    if name not in OBJECTIVES:
        raise ConfigurationError(f"there is no objective {name!r}; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


class Weights(NamedTuple):
    """Of the per-sample losses: real pairs `[n]`, the twin's labels of real inputs `[n]`, synthetic pairs `[N]`."""

    real: Floats
    corrected: Floats
    synthetic: Floats


def weights(
    objective: Objective,
    real: Ints,
    synthetic: Ints,
    lam: Floats,
    *,
    beta: float = 1.0,
    sizes: tuple[int, int] | None = None,
) -> Weights:
    """The weights of a batch, so that batches add up to the objective of the whole sets.

    `dr`, `tdr` and `cdr` take the batch itself for n and N, as published.

    Args:
        real: Contexts of the real samples of the batch, `[n]`.
        synthetic: Of the synthetic ones, `[N]`.
        lam: `[num_contexts]`; only the tuned and the context-aware objectives look at it.
        beta: Of the ramp, 0 to 1.
        sizes: Real and synthetic samples of the whole sets; none: the batch is all.
    """
    n, N = max(len(real), 1), max(len(synthetic), 1)
    every, all_synthetic = sizes if sizes and not objective.ramp else (len(real), len(synthetic))
    share = every / max(every + all_synthetic, 1)
    strength = beta if objective.ramp else 1.0
    one, none = np.ones(len(real)), np.zeros(len(real))
    if not objective.synthetic:
        return Weights(one / n, none, np.zeros(len(synthetic)))
    if objective.lam == "none":
        return Weights(one * share / n, none, np.full(len(synthetic), (1 - share) / N))
    if objective.pooled:
        return Weights(one * strength / n, one * (strength - share) / n, np.full(len(synthetic), (1 - share) / N))
    believed = np.ones_like(lam) if objective.lam == "one" else lam
    return Weights(one * strength / n, strength * believed[real] / n, believed[synthetic] / N)
