"""Time the closure of the linear network against training its weights explicitly.

    python benchmarks/linear_net.py [--repeats 5]

All contenders of a table run in turn, in one process, on the same problem (d = 10, m = 50,
200 steps, double precision); the table shows the medians of their times in units of ours.
Peers that are not installed are left out: ``pip install torch jax``. Explicit weights are
timed over 20 steps, and ten times that is reported: their steps cost the same.

What was found stands in ``docs/benchmarks.md``. NumPy alone is bound by threads that call it every
few microseconds and wait for one another; it took half as long again while blocks of members were
small.
"""

import numpy as np
from side_by_side import installed, options, race

from catapult_sim import LinearNet

INPUTS, SAMPLES, STEPS, TIMED_STEPS = 10, 50, 200, 20
RATES, SEEDS = 256, 16


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(SAMPLES, INPUTS)) / np.sqrt(INPUTS)
    return X, rng.normal(size=SAMPLES)


# Explicit weights -------------------------------------------------------------------------------


def explicit_numpy(X, y, U, v, rate, block=4096):
    """Return steps that pass over the weights once each, in blocks that stay in cache."""
    C, c, scale = X.T @ X / SAMPLES, X.T @ y / SAMPLES, rate / np.sqrt(len(v))
    U, v, outer = U.copy(), v.copy(), np.empty((block, INPUTS))

    def run():
        w = U.T @ v
        for _ in range(TIMED_STEPS):
            g = scale * (C @ w / np.sqrt(len(v)) - c)
            w = np.zeros(INPUTS)
            for first in range(0, len(v), block):
                rows, units = U[first : first + block], v[first : first + block]
                step = rows @ g
                np.multiply(units[:, None], g, outer[: len(rows)])
                np.subtract(rows, outer[: len(rows)], rows)
                np.subtract(units, step, units)
                w += units @ rows

    return run


def explicit_torch(torch, X, y, U, v, rate):
    C, c = torch.tensor(X.T @ X / SAMPLES), torch.tensor(X.T @ y / SAMPLES)
    U, v, root = torch.tensor(U), torch.tensor(v), len(v) ** 0.5

    def run():
        with torch.no_grad():
            for _ in range(TIMED_STEPS):
                g = C @ (U.T @ v / root) - c
                step = U @ g
                U.addr_(v, g, alpha=-rate / root)
                v.sub_(step, alpha=rate / root)

    return run


def explicit_jax(jax, X, y, U, v, rate):
    jnp, root = jax.numpy, len(v) ** 0.5
    C, c = jnp.array(X.T @ X / SAMPLES), jnp.array(X.T @ y / SAMPLES)

    def step(_, weights):
        U, v = weights
        g = C @ (U.T @ v / root) - c
        return U - rate / root * jnp.outer(v, g), v - rate / root * (U @ g)

    train = jax.jit(lambda weights: jax.lax.fori_loop(0, TIMED_STEPS, step, weights))
    weights = (jnp.array(U), jnp.array(v))
    return lambda: jax.block_until_ready(train(weights))


def one_wide_network(width, repeats, jax, torch, numba):
    X, y = data()
    rng = np.random.default_rng(1)
    U, v = rng.normal(size=(width, INPUTS)), rng.normal(size=width)
    net = LinearNet(X, y, width=width)
    state = net.from_weights(U, v)
    rate = float(1.5 / net.top_eigenvalue(state))

    def ours(compiled=False):
        net.train(learning_rate=rate, steps=STEPS, state=state, compiled=compiled)

    contenders = {"ours": ours}
    if numba:
        contenders["ours, compiled"] = lambda: ours(compiled=True)
    contenders["explicit, NumPy in cache blocks"] = explicit_numpy(X, y, U, v, rate)
    if torch:
        contenders["explicit, PyTorch by hand"] = explicit_torch(torch, X, y, U, v, rate)
    if jax:
        contenders["explicit, JAX by hand, jit"] = explicit_jax(jax, X, y, U, v, rate)
    times = {name: STEPS / TIMED_STEPS for name in contenders if name.startswith("explicit")}
    race(f"{STEPS} steps of one network of width {width:g}", contenders, repeats, times=times)


# The closure ------------------------------------------------------------------------------------


def closure_jax(jax, X, y, gram, rates, width, members):
    """Return a run of the closure in JAX, with members along the first or the last axis."""
    jnp, (A, F, b) = jax.numpy, (gram[:, :-1, :-1], gram[:, :-1, -1], gram[:, -1, -1])
    C, c, floor = jnp.array(X.T @ X / SAMPLES), jnp.array(X.T @ y / SAMPLES), y @ y / SAMPLES

    def step(state, rate):
        A, w, b = state
        image = C @ w
        g = image - c
        loss = 0.5 * (w @ (image - 2 * c) + floor)
        gw, Ag = g @ w, A @ g
        outer = jnp.outer(w, g)
        A = A - rate / width * (outer + outer.T) + rate**2 / width * b * jnp.outer(g, g)
        w, b = (
            w - rate * (Ag + b * g) + rate**2 / width * gw * g,
            b - 2 * rate / width * gw + rate**2 / width * (g @ Ag),
        )
        return (A, w, b), loss

    axes = ((0, 0, 0), 0) if members == "first" else ((2, 1, 0), 0)
    every = jax.vmap(step, in_axes=axes, out_axes=axes)
    train = jax.jit(
        lambda state, rates: jax.lax.scan(
            lambda now, _: every(now, rates), state, None, length=STEPS
        )
    )
    if members == "last":
        A, F = np.moveaxis(A, 0, -1), F.T
    start = tuple(jnp.array(np.ascontiguousarray(part)) for part in (A, F, b))
    rates = jnp.array(rates)
    return lambda: jax.block_until_ready(train(start, rates))


def many_networks(repeats, jax, numba):
    X, y = data()
    net = LinearNet(X, y, width=10**6)
    state = net.init(rng=0, ensemble=(SEEDS,))
    rates = np.linspace(0.2, 3.9, RATES)[:, None] / net.top_eigenvalue(state)
    contenders = {"ours": lambda: net.train(learning_rate=rates, steps=STEPS, state=state)}
    if numba:
        contenders["ours, compiled"] = lambda: net.train(
            learning_rate=rates, steps=STEPS, state=state, compiled=True
        )
    if jax:
        gram = np.broadcast_to(state, (*rates.shape, *state.shape[-2:])).reshape(-1, 11, 11)
        for members in ("first", "last"):
            run = closure_jax(jax, X, y, gram, rates.ravel(), 1e6, members)
            contenders[f"closure, JAX jit, members {members}"] = run
    race(f"{RATES} rates x {SEEDS} seeds, {STEPS} steps", contenders, repeats)


def every_width(repeats):
    X, y = data()
    contenders = {}
    for width in (10**6, 10, 11, 10**3, 10**12, float("inf")):
        net = LinearNet(X, y, width=width)
        state = net.init(rng=0)
        rate = 1.5 / net.top_eigenvalue(state)

        def run(net=net, state=state, rate=rate):
            net.train(learning_rate=rate, steps=STEPS, state=state)

        note = "  (fewer units than columns)" if width < 11 else ""
        contenders[f"width {width:g}{note}"] = run
    race(f"{STEPS} steps of one network, by width", contenders, repeats)


def main():
    repeats = options(__doc__, repeats=5).repeats
    numba, torch, jax = map(installed, ("numba", "torch", "jax"))
    every_width(repeats * 5)
    many_networks(repeats * 5, jax, numba)
    one_wide_network(10**6, repeats, jax, torch, numba)


if __name__ == "__main__":
    main()
