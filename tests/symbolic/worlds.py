"""What the symbols of derivations are, computed by NumPy from weights, draws and definitions.

The equations of every step must hold for these numbers. No derivation is used here.
"""

from itertools import permutations

import numpy as np

ETA, H, BETA, GAMMA = 0.13, 1.7, 0.6, 0.8


def stepped(U, V, X, y, eta=ETA):
    """One step of gradient descent on the loss ``|X U^T V / sqrt(n) - y|^2 / (2 m)``."""
    m, root = len(X), np.sqrt(len(U))
    g = X.T @ (X @ U.T @ V / root - y) / m
    return U - eta * V @ g.T / root, V - eta * U @ g / root, g


def of_blocks(U, V, X, y, eta):
    n, m = len(U), len(X)
    A, F, B = U.T @ U / n, U.T @ V / np.sqrt(n), V.T @ V / n
    f, b, K = X @ F, np.trace(B), X @ X.T
    r = f - y
    return {
        "A": A, "F": F, "B": B, "f": f, "r": r, "b": b, "zeta": np.linalg.norm(X.T @ r) / m,
        "Theta": (X @ A @ X.T + b * K) / m, "size": np.linalg.norm(r),
    }  # fmt: skip


def linear_network(U, V, X, y, eta=ETA):
    """Every symbol of ``closure``, ``function-space`` and ``large-error-map``."""
    now, (next_U, next_V, g) = of_blocks(U, V, X, y, eta), stepped(U, V, X, y, eta)
    then = of_blocks(next_U, next_V, X, y, eta)
    n, m, root = len(U), len(X), np.sqrt(len(U))
    e = now["r"] / now["size"]
    for one in (now, then):
        one["lam"] = float((e.T @ one["Theta"] @ e)[0, 0]) if e.shape[1] == 1 else None
    later = {f"{name}'": value for name, value in then.items()}
    later["size'"] = float((e.T @ then["r"])[0, 0]) if e.shape[1] == 1 else None
    K = X @ X.T
    return now | later | {
        "U": U, "V": V, "U'": next_U, "V'": next_V, "X": X, "y": y, "eta": eta, "n": n, "m": m,
        "L": np.sum(now["r"] ** 2) / (2 * m), "dL/dF": g, "g": g, "C": X.T @ X / m,
        "c": X.T @ y / m, "dL/dU": V @ g.T / root, "dL/dV": U @ g / root, "K": K,
        "h": K @ now["r"] / m, "delta": then["b"] - now["b"], "e": e,
        "stretch": np.sum((X.T @ e) ** 2),
    }  # fmt: skip


def of_sample(u, v, y, eta):
    n, unit = len(u), eta / np.sqrt(len(u))
    f = float(u @ v) / np.sqrt(n)
    A, B = float(u @ u) / n, float(v @ v) / n
    F, Y, Lam, D = unit * f, unit * y, eta * (A + B), unit * (f - y)
    return {
        "f": f, "r": f - y, "A": A, "B": B, "lam": A + B, "F": F, "Lam": Lam, "D": D, "s": D**2,
        "E": Lam - 4 - Y * D, "p": eta * np.sum((u + v) ** 2) / (2 * n),
        "q": eta * np.sum((u - v) ** 2) / (2 * n), "I": Lam**2 - 4 * F**2,
    }  # fmt: skip


def one_sample(u, v, y, eta=ETA):
    """Every symbol of the maps of one sample (1, y)."""
    column = np.ones((1, 1))
    next_u, next_v, _ = stepped(u[:, None], v[:, None], column, y * column, eta)
    now, then = of_sample(u, v, y, eta), of_sample(next_u[:, 0], next_v[:, 0], y, eta)
    root, r = np.sqrt(len(u)), now["r"]
    return now | {f"{name}'": value for name, value in then.items()} | {
        "u": u[:, None], "v": v[:, None], "u'": next_u, "v'": next_v, "n": len(u), "eta": eta,
        "y": y, "Y": eta * y / root, "L": r**2 / 2, "dL/df": r, "dL/du": r * v[:, None] / root,
        "dL/dv": r * u[:, None] / root,
    }  # fmt: skip


def matrices(method, a):
    """Step of ``(x, z)``, ``(x, y)`` or ``(x,)``: the matrix, and the vector that c multiplies."""
    if method == "heavy-ball":
        return np.array([[1 - a + BETA, -BETA], [1, 0]]), np.array([a, 0])
    if method == "nesterov":
        return np.array([[(1 - a) * (1 + BETA), -(1 - a) * BETA], [1, 0]]), np.array([a, 0])
    if method == "averaged":
        kept = 1 - GAMMA
        return np.array([[1 - a, 0], [kept * (1 - a), GAMMA]]), np.array([a, kept * a])
    return np.array([[1 - a]]), np.array([a])


def minibatches(method, mean, covariance, draw):
    """Every symbol of the moments, from a state of given mean and covariance, and for one draw."""
    a = ETA * H
    matrix, noise = matrices(method, a)
    names = {"heavy-ball": "xz", "nesterov": "xz", "averaged": "xy"}.get(method, "x")
    pairs = [(i, j) for i in range(len(names)) for j in range(i, len(names))]
    after = {"mu": matrix @ mean, "V": matrix @ covariance @ matrix.T + np.outer(noise, noise)}
    state, c = draw
    found = {"a": a, "eta": ETA, "h": H, "c": c, "beta": BETA, "gamma": GAMMA, "r": 1 - a}
    found |= dict(zip(names, state, strict=True))
    found |= {
        f"{one}'": value for one, value in zip(names, matrix @ state + noise * c, strict=True)
    }
    for prime, mu, spread in (("", mean, covariance), ("'", after["mu"], after["V"])):
        found |= {f"mu_{one}{prime}": mu[i] for i, one in enumerate(names)}
        found |= {f"V_{names[i]}{names[j]}{prime}": spread[i, j] for i, j in pairs}
    found |= {"L": H * (found["x"] - c) ** 2 / 2, "dL/dx": H * (found["x"] - c)}
    return found


def stationary(method):
    """The covariance after so many steps that it has stopped changing."""
    matrix, noise = matrices(method, ETA * H)
    covariance = np.zeros_like(matrix)
    for _ in range(2000):
        covariance = matrix @ covariance @ matrix.T + np.outer(noise, noise)
    return covariance


def epoch_variance(batches):
    """The variance that an epoch adds: all orders of minima that add up to zero, enumerated."""
    a = ETA * H
    minima = np.arange(batches) - (batches - 1) / 2
    minima = minima / np.sqrt(np.mean(minima**2))
    ends = []
    for order in permutations(minima):
        x = 0.0
        for c in order:
            x -= a * (x - c)
        ends.append(x)
    return float(np.mean(np.square(ends)))
