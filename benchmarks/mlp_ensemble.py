"""Time the training of an ensemble against a loop over networks and against JAX's vmap.

    python benchmarks/mlp_ensemble.py [--rates 4] [--seeds 4] [--steps 10] [--repeats 3]

Networks of one or more hidden layers of 512 units on 512 digits with ten outputs, as many as the
options say, and 256 small ones (64 units, 32 digits) for 50 steps, by full-batch gradient descent
at learning rates c / lambda_0, c from 0.5 to 32. All contenders run in turn, in one process, on the
same problem; the table shows the medians of their times in units of ours. Peers are left out where
they are not installed: ``pip install jax torch``. They have a thread for each core: give all the
same by ``OMP_NUM_THREADS`` and ``taskset``.

Two tables: all members run to the end (rates below the threshold), and rates beyond it among
them, where ours drops what has diverged. A loop may stop a network that has; vmap cannot.

What was found, and what bounds it, stands in ``docs/benchmarks.md``. Of runs most of which diverge,
the loop is the one that stops where ours do. Runs of few steps count copying the members too.
Chunks of rows were tried for pointwise work and gained nothing: two threads then wait for one
another at the interpreter's lock.

OpenBLAS's kernels matter more than all that: with ``OPENBLAS_CORETYPE=Haswell`` in the environment
the same products take 8.1 / 17 ms, and vmap was the faster with three hidden layers in float32.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from side_by_side import installed, options, race

from catapult_sim import MLP, datasets, train
from catapult_sim.mlp import kernel
from catapult_sim.numeric.runs import blas_threads


class Case(NamedTuple):
    """Networks of a width on as many samples: each rate from all seeds, for some steps."""

    width: int
    samples: int
    rates: int
    seeds: int
    steps: int


DIVERGED = 1e30  # a loss, from which on a run may stop
SMALL = Case(width=64, samples=32, rates=64, seeds=4, steps=50)


def by_numpy(X, y, weights, scales, rate, steps, stop):
    """Train one network in plain NumPy."""
    for _ in range(steps):
        inputs, hidden = [X], []
        for W, scale in zip(weights, scales, strict=True):
            hidden.append(scale * (inputs[-1] @ W))
            inputs.append(np.tanh(hidden[-1]))
        error = hidden[-1] - y
        loss = 0.5 * np.sum(error**2) / len(X)
        if stop and not loss < DIVERGED:
            return
        signal, gradients = error / len(X), []
        for layer in reversed(range(len(weights))):
            gradients.insert(0, scales[layer] * (inputs[layer].T @ signal))
            if layer:
                back = scales[layer] * (signal @ weights[layer].T)
                signal = back * (1 - inputs[layer] ** 2)
        weights = [W - rate * g for W, g in zip(weights, gradients, strict=True)]


def loop(net, theta, X, y, rates, steps, stop):
    scales = [np.asarray(scale, dtype=theta.dtype) for scale in net.scales]

    def run():
        with np.errstate(all="ignore"):
            for i, s in np.ndindex(*rates.shape):
                weights = [W for W, _ in net.split(theta[s])]
                by_numpy(X, y, weights, scales, rates[i, s], steps, stop)

    return run


def by_torch(torch, net, theta, X, y, rates, steps):
    X, y = torch.tensor(X), torch.tensor(y)
    scales = [float(scale) for scale in net.scales]

    def loss(weights):
        a = X
        for number, (W, scale) in enumerate(zip(weights, scales, strict=True)):
            a = scale * ((torch.tanh(a) if number else a) @ W)
        return 0.5 * ((a - y) ** 2).sum() / len(X)

    def run():
        for i, s in np.ndindex(*rates.shape):
            weights = [torch.tensor(W, requires_grad=True) for W, _ in net.split(theta[s])]
            for _ in range(steps):
                gradients = torch.autograd.grad(loss(weights), weights)
                with torch.no_grad():
                    for W, g in zip(weights, gradients, strict=True):
                        W -= float(rates[i, s]) * g

    return run


def products(net, theta, X, members, steps):
    """Return the matrix products of all gradient steps alone, which bound every time.

    Members run at once, each on one thread, which is faster than one after another on all.
    """
    weights = [W for W, _ in net.split(theta[0])]
    threads = blas_threads.threads()

    def of_one_thread(_):
        inputs = [X, *(np.ones((len(X), len(W)), theta.dtype) for W in weights[1:])]
        layers = [
            (a, W, a @ W, np.empty_like(a), np.empty_like(W))
            for a, W in zip(inputs, weights, strict=True)
        ]
        for _ in range(members // threads * steps):
            for number, (a, W, z, signal, gradient) in enumerate(layers):
                np.matmul(a, W, out=z)
                np.matmul(a.T, z, out=gradient)
                if number:
                    np.matmul(z, W.T, out=signal)

    def run():
        with blas_threads.threads_for(members), ThreadPoolExecutor(threads) as pool:
            list(pool.map(of_one_thread, range(threads)))

    return run


def vmapped(jax, net, theta, X, y, rates, steps):
    jnp = jax.numpy

    def loss(weights):
        a = X
        for number, (W, scale) in enumerate(zip(weights, net.scales, strict=True)):
            a = scale * ((jnp.tanh(a) if number else a) @ W)
        return 0.5 * jnp.sum((a - y) ** 2) / len(X)

    def one(weights, rate):
        def step(weights, _):
            value, gradient = jax.value_and_grad(loss)(weights)
            moved = [W - rate * g for W, g in zip(weights, gradient, strict=True)]
            return moved, value

        return jax.lax.scan(step, weights, length=steps)

    weights = [jnp.array(W) for W, _ in net.split(theta)]
    over_seeds = jax.vmap(one, in_axes=(0, 0))
    both = jax.jit(jax.vmap(over_seeds, in_axes=(None, 0)))
    return lambda: jax.block_until_ready(both(weights, jnp.array(rates)))


def compare(depth, case, dtype, repeats, jax, torch):
    X, y = datasets.digits("classes")
    X, y = X[: case.samples].astype(dtype), y[: case.samples].astype(dtype)
    net = MLP([X.shape[1], *[case.width] * depth, 10], activation="tanh", dtype=dtype)
    theta = net.init(rng=0, ensemble=(case.seeds,))
    unit = 1 / kernel.top_eigenvalue(net, theta, X)
    for words, high in (("all to the end", 2.0), ("most beyond the threshold", 32.0)):
        rates = (np.geomspace(0.5, high, case.rates)[:, None] * unit).astype(dtype)

        def ours(rates=rates):
            ends = {"escape": DIVERGED, "memory_limit": 2**35}
            train(net, theta, X, y, learning_rate=rates, steps=case.steps, **ends)

        arguments = (net, theta, X, y, rates, case.steps)
        contenders = {
            "ours": ours,
            "NumPy, network by network": loop(*arguments, stop=False),
            "the same, stopped when diverged": loop(*arguments, stop=True),
            "matrix products alone": products(net, theta, X, case.rates * case.seeds, case.steps),
        }
        if jax:
            contenders["jax.vmap"] = vmapped(jax, *arguments)
        if torch and case is not SMALL:
            contenders["PyTorch, network by network"] = by_torch(torch, *arguments)
        networks = f"{case.rates * case.seeds} networks, {depth} hidden of {case.width}"
        data = f"{case.samples} samples, {case.steps} steps, {dtype}"
        race(f"{networks}, {data}, c from 0.5 to {high:g}: {words}", contenders, repeats)


def main():
    asked = options(__doc__, rates=4, seeds=4, steps=10, repeats=3, depth=[1, 3])
    jax, torch = installed("jax"), installed("torch")
    large = Case(512, 512, asked.rates, asked.seeds, asked.steps)
    for depth, case in [(1, SMALL), *((depth, large) for depth in asked.depth)]:
        for dtype in ("float32", "float64"):
            compare(depth, case, dtype, asked.repeats, jax, torch)


if __name__ == "__main__":
    main()
