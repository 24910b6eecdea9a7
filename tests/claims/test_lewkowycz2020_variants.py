"""What changes c_act, on cases whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims.lewkowycz2020 import variants
from catapult_sim.claims.lewkowycz2020.variants import PLAIN, VARIANTS, Variant, c_act
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.experiments.networks import Architecture, draw_networks
from catapult_sim.numeric.runs.boundary import Boundary, centre

LINEAR = Architecture("linear", 1)


def bracket(values):
    lower, upper = 0.99 * np.asarray(values, float), 1.01 * np.asarray(values, float)
    return Boundary(centre(lower, upper), lower, upper, (), 1)


@pytest.fixture
def small(monkeypatch):
    effort = replace(EFFORTS["quick"], members=2, varied={1: 48, 2: 16})
    monkeypatch.setitem(EFFORTS, "quick", effort)


def test_thresholds_are_compared_seed_by_seed():
    found = variants.ratio(bracket([4.0, 8.0, 16.0]), bracket([2.0, 4.0, 8.0]))
    assert found.value == pytest.approx(1)
    assert found.error == pytest.approx(0.03 / np.log(2))


def test_a_single_batch_of_everything_changes_nothing(small):
    whole = Variant("whole", "one batch", training={"batches": np.arange(32)[None]})
    bench = Bench(1)
    np.testing.assert_array_equal(
        c_act(bench, LINEAR, whole).lower, c_act(bench, LINEAR, PLAIN).lower
    )


def test_the_weights_take_no_part_in_the_verdict(small):
    networks = draw_networks(Bench(1), LINEAR, 64, dtype="float32", weight_decay=1.0)
    plain = draw_networks(Bench(1), LINEAR, 64, dtype="float32")
    np.testing.assert_allclose(
        variants.error(networks, networks.start),
        plain.net.loss(plain.start, plain.X, plain.y),
        rtol=1e-6,
    )


def test_every_variant_trains_otherwise_than_plain_descent(small):
    bench = Bench(1)
    plain = c_act(bench, LINEAR).centres
    strong = Variant("strong", "strong L2", network={"weight_decay": 0.01})
    for variant in (*(one for one in VARIANTS if one.name != "l2"), strong):
        assert not np.array_equal(c_act(bench, LINEAR, variant).centres, plain), variant.name


def test_cross_entropy_of_a_frozen_kernel_rises_beyond_two(small, monkeypatch):
    """Wide networks that move little: their loss is convex, with at most that curvature."""
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], varied={1: 64, 2: 256}))
    assert variants.classifier_rise(Bench(1), "tanh").value > 1.9
