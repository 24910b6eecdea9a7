"""As much memory is asked for as is taken, by a count of what is allocated."""

import tracemalloc
from functools import partial
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

import catapult_sim as cs
from catapult_sim import memory
from catapult_sim.numeric.curvature.eigenpairs import top_eigenpairs
from catapult_sim.numeric.curvature.spectrum import spectral_density, trace
from catapult_sim.numeric.maps.attractor import attractor
from catapult_sim.numeric.maps.phase_map import phase_map
from catapult_sim.numeric.minibatch.moments import propagate, sample
from catapult_sim.numeric.runs.averages import EMA, Window
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.optimizers import HeavyBall
from catapult_sim.symbolic import linear_net
from catapult_sim.validation import InputError

LINEAR = cs.LinearNet(np.eye(200), np.eye(200), width=400)
RATES, CELLS = np.full((50, 200), 0.5), np.full(10**6, 0.1)
STRETCHES = np.linspace(0, 1, 10**5)
density = partial(spectral_density, lambda v: v, rng=0)
CALLS = {
    "eigenpairs": partial(
        top_eigenpairs, lambda v: v * STRETCHES, k=9, size=len(STRETCHES), rng=0, max_products=60
    ),
    "density of many vectors": partial(density, probes=40, nodes=2, size=10**4),
    "density of many nodes": partial(density, probes=500, nodes=40, size=40),
    "density of one large space": partial(density, probes=10, nodes=9, size=10**4),
    "trace by signs": partial(trace, lambda v: v, probes=8, size=10**4, rng=0),
    "trace by units": partial(trace, lambda v: v, probes=100, size=200, rng=0),
    "iterate": partial(iterate, lambda x: x / 2, np.ones((1, 10**6)), steps=9),
    "momentum of a linear network": partial(
        LINEAR.train,
        learning_rate=0.1,
        steps=20,
        optimizer=HeavyBall(0.5),
        state=LINEAR.init(rng=0),
    ),
    "attractor": lambda: attractor(
        linear_net.sample_map(), [0.3, 1.0], eta=np.full(10**5, 0.5), n=9, transient=2, steps=2
    ),
    "phase map": lambda: phase_map(linear_net.residual_map(), D=CELLS, Lam=1.0, Y=0.0, steps=20),
    "moments": partial(propagate, RATES, average=EMA(0.5)),
    "moments of a window": partial(propagate, RATES[:4], average=Window(20)),
    "samples": partial(sample, RATES, ensemble=(4,), rng=0),
    "samples of an average": partial(sample, RATES, ensemble=(4,), average=EMA(0.5), rng=0),
    "one step of an average": partial(sample, [0.5], ensemble=(10**4,), average=EMA(0.5), rng=0),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_much_memory_is_asked_for_as_is_taken(name, monkeypatch):
    CALLS[name]()  # what is imported and derived once
    tracemalloc.start()
    CALLS[name]()
    _, taken = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1.0))
    with pytest.raises(InputError, match=r"requires .* of memory") as refusal:
        CALLS[name]()
    asked = memory.allowed_bytes(str(refusal.value).split(" requires ")[1].split(" of memory")[0])
    assert 0.4 * asked < taken < 1.1 * asked
