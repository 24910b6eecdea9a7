"""The linear network trained on its weights, in plain NumPy: the other channel."""

from types import SimpleNamespace

import numpy as np

from catapult_sim.numeric.runs.optimizers import Nesterov


def problem(seed, width, m, d, k):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(m, d)) / np.sqrt(d), rng.normal(size=(m, k))
    return X, y, rng.normal(size=(width, d)), rng.normal(size=(width, k))


def outputs(X, U, V):
    return X @ U.T @ V / np.sqrt(len(U))


def loss(X, y, U, V):
    return np.sum((outputs(X, U, V) - y) ** 2) / (2 * len(X))


def gradients(X, y, U, V):
    g = X.T @ (outputs(X, U, V) - y) / len(X)
    return V @ g.T / np.sqrt(len(U)), U @ g / np.sqrt(len(U))


def jacobian(X, U, V):
    """d f_a,i / d (U, V), shape (m k, n (d + k)), one output at a time."""
    n, k = V.shape
    rows = []
    for x in X:
        for i in range(k):
            by_V = np.zeros((n, k))
            by_V[:, i] = U @ x
            by_U = np.outer(V[:, i], x)
            rows.append(np.concatenate([by_U.ravel(), by_V.ravel()]) / np.sqrt(n))
    return np.array(rows)


def plain(options):
    """Return the options of the loop below that mean what those of the network's training mean."""
    optimizer = options.get("optimizer")
    momentum = getattr(optimizer, "momentum", 0.0)
    found = {"momentum": momentum, "nesterov": isinstance(optimizer, Nesterov)}
    return found | {"weight_decay": options.get("weight_decay", 0.0)}


def train(
    X,
    y,
    U,
    V,
    rate,
    steps,
    *,
    momentum=0.0,
    nesterov=False,
    weight_decay=0.0,
    batches=None,
    keep=None,
):
    """Train; return functions, losses and average functions at every step, and the ends.

    Written as the textbooks have it: successive iterates, and the average itself. The rate may be
    one for each step.
    """
    rates = np.broadcast_to(rate, steps)
    now, before, average = (U, V), (U, V), (U, V)
    functions, losses, averaged = [], [], []
    for t in range(steps + 1):
        functions.append(outputs(X, *now))
        losses.append(loss(X, y, *now))
        averaged.append(outputs(X, *average))
        if t == steps:
            break
        rows = slice(None) if batches is None else batches[t % len(batches)]
        ahead = [w + momentum * (w - b) for w, b in zip(now, before, strict=True)]
        point = ahead if nesterov else now
        slopes = gradients(X[rows], y[rows], *point)
        after = [
            a - rates[t] * (s + weight_decay * p)
            for a, s, p in zip(ahead, slopes, point, strict=True)
        ]
        now, before = after, now
        if keep is not None:
            average = [keep(t) * a + (1 - keep(t)) * w for a, w in zip(average, now, strict=True)]
    return SimpleNamespace(
        functions=np.array(functions),
        losses=np.array(losses),
        averaged=np.array(averaged),
        end=now,
        average=average,
    )
