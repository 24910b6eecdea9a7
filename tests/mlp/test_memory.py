"""How much memory runs take, beside what they say that they take."""

import tracemalloc

import numpy as np
import pytest

from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.optimizers import HeavyBall
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 64)), RNG.normal(size=5)
NET = MLP([64, 400, 400, 1])
THETA = NET.init(rng=0)
LINEAR = LinearNet(RNG.normal(size=(30, 20)), RNG.normal(size=(30, 2)), width=1e6)
STATES = LINEAR.init(rng=0, ensemble=(16,))


def mlp(memory_limit, learning_rate, **options):
    options |= {"learning_rate": learning_rate, "steps": 5, "memory_limit": memory_limit}
    train(NET, THETA, X, Y, **options)


def linear(memory_limit, learning_rate, **options):
    options |= {"learning_rate": learning_rate, "steps": 20, "memory_limit": memory_limit}
    LINEAR.train(state=STATES, **options)


RUNS = {
    "one network": (mlp, 1e-3, {}),
    "one with momentum": (mlp, 1e-3, {"optimizer": HeavyBall(0.9)}),
    "an ensemble": (mlp, np.full(20, 1e-3), {}),
    "an ensemble of which some diverge": (mlp, np.geomspace(1e-3, 1e3, 20), {}),
    "an ensemble with momentum": (mlp, np.full(20, 1e-3), {"optimizer": HeavyBall(0.9)}),
    "linear networks": (linear, np.linspace(0.01, 0.1, 60)[:, None], {}),
    "with momentum": (
        linear,
        np.linspace(0.01, 0.1, 20)[:, None],
        {"optimizer": HeavyBall(0.5)},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_takes_no_more_than_it_says_and_not_much_less(name):
    run, rates, options = RUNS[name]
    run(np.inf, rates, **options)  # what is loaded once is no part of it
    tracemalloc.start()
    run(np.inf, rates, **options)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with pytest.raises(InputError, match=r"requires .* bytes of memory"):
        run(most, rates, **options)
    run(3 * most, rates, **options)
