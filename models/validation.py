"""Training data are looked at before they are learnt from: what is corrupt stops training with a reason.

    findings = [*check_rows(rows, catalogue, cut), *check_samples(names, samples)]
    require(findings)

An "error" stops training; a "warning" goes into the training report.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.samples import Samples
from twin.counters import Catalogue
from twin.errors import BadInput, TrainingDataError

Floats = NDArray[Any]
Ints = NDArray[np.int64]

MOST_OUT_OF_RANGE = 0.001
"""Share of values that may be beyond what is physically possible; they are left out. More: the source is broken."""
MOST_MISSING, MANY_MISSING = 0.6, 0.2
MOST_DOUBLED = 0.01
MOST_OFF_GRID = 0.01
FRACTION = 1.0
"""A percentage whose greatest value is no more than this is a fraction."""
LEAST_VARIED = 0.02
LEAST_DAYS = 2
"""On each side of a jump."""
DAY_MS = 86_400_000
JUMP, MOST_JUMPED = 6.0, 0.2
"""Factor by which an object's usual size may change within the range, and share of objects for which it may at once."""
TOO_GOOD = 0.9
"""Correlation of what a feature adds with what only the future can tell."""
LEAST_ROWS = 200
RARE_CHANGE = 10.0


class Rows(NamedTuple):
    """Rows of the history as they were read.

    Attributes:
        object: Which, `[N]`.
        time: End of the period [ms since 1970], `[N]`.
        granularity: [s], `[N]`.
        values: `[N, num_counters]`, NaN where missing.
    """

    counters: tuple[str, ...]
    object: Ints
    time: Ints
    granularity: Ints
    values: Floats


class Finding(NamedTuple):
    """Something about training data.

    Attributes:
        check: Which look found it.
        where: A counter, feature or target; empty: all.
    """

    check: str
    severity: Literal["error", "warning"]
    where: str
    detail: str


def require(findings: Sequence[Finding]) -> None:
    """Go on only with data that are sound.

    Raises:
        TrainingDataError: Naming every error.
    """
    wrong = [f for f in findings if f.severity == "error"]
    if wrong:
        said = "; ".join(f"{f.check} of {f.where or 'all'}: {f.detail}" for f in wrong)
        raise TrainingDataError(f"nothing was trained: {said}")


def check_rows(rows: Rows, catalogue: Catalogue, cut: int, beside: Collection[str] = ()) -> list[Finding]:
    """Schema, time stamps, duplicates, ranges, missing values and units.

    Args:
        cut: Nothing later than this was to be read [ms since 1970].
        beside: Counters that a model does without where they are missing. That they are, or that their size changes (a
            part of the cells may be of another vendor, or idle at night), is a warning.
    """
    n = len(rows.time)
    if not n:
        return [Finding("schema", "error", "", "there is no row: is the time range right, and the counter reported?")]
    if rows.values.shape != (n, len(rows.counters)):
        return [Finding("schema", "error", "", f"{rows.values.shape} values for {n} rows of {len(rows.counters)}")]
    found = _times(rows, cut)
    for column, name in enumerate(rows.counters):
        try:
            counter = catalogue.get(name)
        except BadInput:
            found.append(Finding("schema", "error", name, "the catalogue doesn't know this counter; declare it"))
            continue
        values = rows.values[:, column]
        found += _range(name, values, counter.low, counter.high)
        optional = _missing(name, values) + _jump(name, values, rows)
        found += [f._replace(severity="warning") for f in optional] if name in beside else optional
        if counter.unit == "%" and counter.high == 100:
            found += _fractions(name, values, rows.object)
    return found


def check_samples(names: Sequence[str], targets: Sequence[str], samples: Samples) -> list[Finding]:
    """Leaks and the share of positive labels.

    Args:
        names: Of the features.
    """
    return [*check_prevalence(targets, samples), *_leaks(names, samples)]


def _times(rows: Rows, cut: int) -> list[Finding]:
    n, found = len(rows.time), []
    if (late := int((rows.time > cut).sum())) > 0:
        found.append(Finding("leak", "error", "time", f"{late} rows are later than the end of the time range"))
    lengths = np.unique(rows.granularity)
    if len(lengths) > 1 or lengths[0] <= 0:
        return [*found, Finding("schema", "error", "granularity", f"periods of {lengths.tolist()} s are mixed")]
    off = float((rows.time % (1000 * int(lengths[0])) != 0).mean())
    if off > MOST_OFF_GRID:
        found.append(Finding("schema", "error", "time", f"{off:.1%} of the periods don't end on their grid"))
    _, count = np.unique(np.stack([rows.object, rows.time]), axis=1, return_counts=True)
    doubled = float((count - 1).sum() / n)
    if doubled:
        severity: Any = "error" if doubled > MOST_DOUBLED else "warning"
        found.append(Finding("duplicates", severity, "", f"{doubled:.2%} of the rows are there twice"))
    return found


def _range(name: str, values: Floats, low: float, high: float) -> list[Finding]:
    infinite = int(np.isinf(values).sum())
    outside = (values < low) | (values > high)
    share = float(outside.mean())
    if not share and not infinite:
        return []
    severity: Literal["error", "warning"] = "error" if share > MOST_OUT_OF_RANGE or infinite else "warning"
    worst = float(values[outside][np.argmax(np.abs(values[outside]))])
    return [Finding("range", severity, name, f"{share:.2%} lie outside {low:g} to {high:g}, such as {worst:g}")]


def _missing(name: str, values: Floats) -> list[Finding]:
    share = float(np.isnan(values).mean())
    if share <= MANY_MISSING:
        return []
    return [Finding("nulls", "error" if share > MOST_MISSING else "warning", name, f"{share:.1%} are missing")]


def _fractions(name: str, values: Floats, objects: Ints) -> list[Finding]:
    """Objects whose percentages never exceed 1 though they vary: somebody sends fractions."""
    known = ~np.isnan(values)
    if known.sum() < LEAST_ROWS:
        return []
    ids, index = np.unique(objects[known], return_inverse=True)
    most, least = np.full(len(ids), -np.inf), np.full(len(ids), np.inf)
    np.maximum.at(most, index, values[known])
    np.minimum.at(least, index, values[known])
    small = (most <= FRACTION) & (most - least > LEAST_VARIED)
    if small.mean() < 0.05:
        return []
    return [
        Finding("units", "error", name, f"{small.mean():.0%} of the objects never exceed {FRACTION:g} %: fractions?")
    ]


def _jump(name: str, values: Floats, rows: Rows) -> list[Finding]:
    """A day at which many objects change their size by a large factor: another unit, not another load.

    Offices are empty at weekends and a cell is at night, so whole working days are compared with such.
    """
    known = np.flatnonzero((values > 0) & np.isfinite(values))
    if len(known) < LEAST_ROWS:
        return []
    day = rows.time[known] // DAY_MS
    ids, index = np.unique(rows.object[known], return_inverse=True)
    first = int(day.min())
    shape = len(ids), int(day.max()) - first + 1
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, (index, day - first), np.log(values[known]))
    np.add.at(count, (index, day - first), 1)
    rows_a_day = count.sum(axis=0)
    working = ((np.arange(shape[1]) + first + 3) % 7 < 5) & (rows_a_day > 0.5 * rows_a_day.max())
    days = np.flatnonzero(working)
    if len(days) < 2 * LEAST_DAYS:
        return []
    sums, counts = np.cumsum(total[:, days], axis=1), np.cumsum(count[:, days], axis=1)
    cuts = slice(LEAST_DAYS - 1, len(days) - LEAST_DAYS)
    with np.errstate(invalid="ignore", divide="ignore"):
        before = sums[:, cuts] / counts[:, cuts]
        after = (sums[:, -1:] - sums[:, cuts]) / (counts[:, -1:] - counts[:, cuts])
        jumped = np.abs(after - before) > np.log(JUMP)
    share = jumped.mean(axis=0)
    worst = int(np.argmax(share))
    if share[worst] <= MOST_JUMPED:
        return []
    when = np.datetime64(first + int(days[worst + LEAST_DAYS]), "D")
    return [Finding("units", "error", name, f"{share[worst]:.0%} of the objects change {JUMP:g}-fold around {when}")]


def check_prevalence(targets: Sequence[str], samples: Samples) -> list[Finding]:
    """The share of positive labels: none or nothing but such teaches nothing."""
    found = []
    own, check = samples.part("training"), samples.part("validation")
    for name, y, y_check in zip(targets, own.labels, check.labels, strict=True):
        known, known_check = ~np.isnan(y), ~np.isnan(y_check)
        if not known.any() or not known_check.any():
            found.append(Finding("prevalence", "error", name, "a part of the time range has no label"))
            continue
        share = float(np.average(y[known], weights=own.weight[known]))
        later = float(np.average(y_check[known_check], weights=check.weight[known_check]))
        if share in (0.0, 1.0):
            found.append(
                Finding("prevalence", "error", name, f"{share:.0%} of the labels are positive: nothing to learn")
            )
        elif not later or max(share / later, later / share) > RARE_CHANGE:
            found.append(Finding("prevalence", "warning", name, f"{share:.2%} are positive, then {later:.2%}"))
    return found


def teachable(targets: Sequence[str], samples: Samples) -> tuple[list[int], list[Finding]]:
    """Which targets have something to teach, by number; of the others a warning each, for the training report.

    What never happens at one threshold must not keep the others from being learnt.

    Raises:
        TrainingDataError: None has.
    """
    found = [f for f in check_prevalence(targets, samples) if f.severity == "error"]
    without = {f.where for f in found}
    if without >= set(targets):
        require(found)
    kept = [k for k, name in enumerate(targets) if name not in without]
    return kept, [f._replace(severity="warning", detail=f"{f.detail}; left out") for f in found]


def _leaks(names: Sequence[str], samples: Samples) -> list[Finding]:
    """Features that know what only the future can tell.

    Of the counter and of the feature what the present and the usual explain is taken away. What remains of the counter
    is news; nothing honest goes along with news nearly perfectly.
    """
    basis = [k for k, name in enumerate(names) if name in ("now", "lag1", "usual_now", "yesterday_now")]
    found = []
    for y in samples.future if len(samples.future) else samples.labels:
        rows = np.flatnonzero(~np.isnan(y))[:200_000]
        if len(rows) < LEAST_ROWS:
            continue
        known = np.nan_to_num(samples.X[basis][:, rows].astype(np.float64))
        A = np.concatenate([np.ones((1, len(rows))), known])
        news = _left_over(A, y[rows].astype(np.float64))
        if news.std() < 1e-9:
            continue
        for k, name in enumerate(names):
            x = samples.X[k, rows].astype(np.float64)
            there = ~np.isnan(x)
            if k in basis or there.sum() < LEAST_ROWS or np.std(x[there]) < 1e-9:
                continue
            own = _left_over(A[:, there], x[there])
            if own.std() < 1e-6 * x[there].std():
                continue
            rho = abs(float(np.corrcoef(own, news[there])[0, 1]))
            if rho > TOO_GOOD:
                found.append(Finding("leak", "error", name, f"it goes along with the future's news by {rho:.3f}"))
    return list(dict.fromkeys(found))


def _left_over(A: Floats, y: Floats) -> Floats:
    """What a linear regression on the rows of A leaves of y."""
    scale = A.std(axis=1, keepdims=True)
    Z = np.where(scale > 0, A / np.where(scale > 0, scale, 1), A)
    weights = np.linalg.solve(Z @ Z.T + 1e-6 * len(y) * np.eye(len(Z)), Z @ y)
    out: Floats = y - weights @ Z
    return out
