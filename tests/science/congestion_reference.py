"""The reference: scikit-learn's histogram gradient boosting on lags, profiles and every counter of the log."""

from __future__ import annotations

import numpy as np

from tests.science.congestion_log import DAY, WEEK, Array, Log, earlier


def table(log: Log, horizon: int) -> Array:
    """What the reference may see at each hour, `[T, n, num_columns]`; all of it known by then."""
    V, day = log.load, log.hour % DAY
    lags = [*range(6), 23, 24, 24 - horizon, 23 - horizon, 25 - horizon, 47, 48, 48 - horizon]
    # With a horizon of a day, "an hour before the predicted hour's yesterday" is still to come.
    columns = [earlier(V, k) for k in lags if k >= 0]
    columns += [earlier(V, k) for k in (WEEK - 1, WEEK, WEEK - horizon)]
    for width in (3, 6, DAY, WEEK):
        window = np.stack([earlier(V, k) for k in range(width)])
        columns += [np.nanmean(window, 0), np.nanmax(window, 0), np.nanstd(window, 0)]
    usual_next, most_next, usual_now = (np.full_like(V, np.nan) for _ in range(3))
    for t in range(len(V)):
        for ahead, mean, most in ((horizon, usual_next, most_next), (0, usual_now, None)):
            past = np.flatnonzero(day[:t] == (day[t] + ahead) % DAY)[-28:]
            if len(past):
                mean[t] = np.nanmean(V[past], 0)
                if most is not None:
                    most[t] = np.nanmax(V[past], 0)
    columns += [usual_next, most_next, usual_now, V - earlier(V, 1), V - usual_now, V - earlier(V, DAY)]
    known, own = np.isfinite(V), np.nan_to_num(V)
    same = np.zeros((V.shape[1], log.site.max() + 1))
    same[np.arange(V.shape[1]), log.site] = 1
    columns.append(((own @ same)[:, log.site] - own) / ((known @ same)[:, log.site] - known))
    network = np.nanmean(V, 1)[:, None]
    change = network - earlier(network, 1)
    weekday = (log.hour // DAY % 7)[:, None]
    columns += [np.broadcast_to(s, V.shape) for s in (network, earlier(network, 1), change, day[:, None], weekday)]
    for values in log.others.values():
        columns += [earlier(values, k) for k in (0, 1, 24 - horizon)]
    X = np.stack(columns, -1)
    X[~np.isfinite(X)] = np.nan
    return X


def reference(X: Array, label: Array, first: int, horizon: int, refit: int, seed: int) -> Array:
    """Probabilities from `first` on, `[T, n]`, each from labels that were known before; 0 before the first fit."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    out = np.full(label.shape, np.nan)
    hours = np.arange(len(label))[:, None]
    for begin in range(first, len(label), refit or len(label)):
        train = np.isfinite(label) & (hours + horizon < begin)
        test = np.isfinite(label) & (hours >= begin) & (hours < begin + (refit or len(label)))
        if not test.any():
            continue
        if label[train].sum() < 5:
            out[test] = 0.0
            continue
        rows = X[train]
        varied = np.nanmax(rows, 0) > np.nanmin(rows, 0)
        model = HistGradientBoostingClassifier(
            learning_rate=0.06, max_iter=150, max_leaf_nodes=8 if refit else 15, min_samples_leaf=30,
            l2_regularization=5.0, max_features=0.5, early_stopping=False, random_state=seed,
        )  # fmt: skip
        model.fit(rows[:, varied], label[train])
        out[test] = model.predict_proba(X[test][:, varied])[:, 1]
    return out
