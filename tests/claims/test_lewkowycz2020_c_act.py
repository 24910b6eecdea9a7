"""What changes c_act, on cases whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.claims.lewkowycz2020 import c_act as variants
from catapult_sim.claims.lewkowycz2020 import c_act_axes
from catapult_sim.claims.lewkowycz2020.c_act import PLAIN, VARIANTS, Variant, c_act
from catapult_sim.claims.verdict import judge
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.runs.boundary import Boundary, centre

LINEAR = Architecture("linear", 1)
TWO = variants.Sizes(16, 48, 2)


def bracket(values):
    lower, upper = 0.99 * np.asarray(values, float), 1.01 * np.asarray(values, float)
    return Boundary(centre(lower, upper), lower, upper, (), 1)


@pytest.fixture
def small(monkeypatch):
    sizes = {"members": 2, "seeds": 2, "c_act_samples": 32, "c_act_width": 48}
    effort = replace(EFFORTS["quick"], classifier_width=16, **sizes)
    monkeypatch.setitem(EFFORTS, "quick", effort)


def test_thresholds_are_compared_seed_by_seed():
    found = variants.ratio(bracket([4.0, 8.0, 16.0]), bracket([2.0, 4.0, 8.0]))
    assert found.value == pytest.approx(1)
    assert found.error == pytest.approx(0.04 / np.log(2))


def test_a_single_batch_of_everything_changes_nothing(small):
    whole = Variant("whole", "one batch", training={"batches": np.arange(32)[None]})
    bench = Bench(1)
    np.testing.assert_array_equal(
        c_act(bench, LINEAR, whole).lower, c_act(bench, LINEAR, PLAIN).lower
    )


def test_seeds_that_only_one_boundary_has_are_left_out():
    found = variants.ratio(bracket([4.0, 8.0, 16.0, 3.0]), bracket([2.0, 4.0, 8.0]))
    assert (found.value, found.n) == (pytest.approx(1), 3)


def test_an_open_end_bounds_the_ratio_from_its_side():
    closed, open_ = bracket([4.0, 8.0]), Boundary(None, np.full(2, 24.0), np.full(2, np.inf), (), 1)
    open_ = replace(open_, measured=centre(open_.lower, open_.upper))
    above, below = variants.ratio(open_, closed), variants.ratio(closed, open_)
    assert (above.at_least, above.at_most) == (True, False)
    assert (below.at_least, below.at_most) == (False, True)


def test_an_end_is_where_the_loss_exceeds_its_bound(small):
    """Wide linear networks of one hidden layer end at 4, and a little above at finite width."""
    found = c_act(Bench(1), LINEAR)
    assert (found.lower > 3.9).all()
    assert (found.upper < 8).all()


def test_every_seed_draws_its_own_samples(small):
    one, other = variants.drawn(Bench(1), LINEAR, TWO)
    assert not np.array_equal(one.X, other.X)
    again, _ = variants.drawn(Bench(1), LINEAR, TWO)
    np.testing.assert_array_equal(one.X, again.X)
    scaled, _ = variants.drawn(Bench(1), replace(LINEAR, inputs="pixel"), TWO)
    np.testing.assert_array_equal(one.y, scaled.y)
    assert not np.allclose(one.X, scaled.X)


def test_every_variant_trains_otherwise_than_plain_descent(small):
    bench = Bench(1)
    plain = c_act(bench, LINEAR).centres
    strong = Variant("strong", "strong L2", network={"weight_decay": 0.01})
    for variant in (*(one for one in VARIANTS if one.name != "l2"), strong):
        assert not np.array_equal(c_act(bench, LINEAR, variant).centres, plain), variant.name


def test_cross_entropy_of_a_frozen_kernel_rises_beyond_two(small, monkeypatch):
    """Wide networks that move little: their loss is convex, with at most that curvature."""
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], classifier_width=256))
    assert variants.classifier_rise(Bench(1), "tanh").value > 1.9


def test_axes_of_other_kinds_are_those_of_their_names():
    plain, bench = Architecture("relu", 1, kind="residual"), Bench(1)
    narrow = variants.Sizes(32, 8, 2)
    axes = {axis.name: axis for axis in c_act_axes.AXES}
    found = variants.bracket(bench, plain, axes["wide"], narrow)
    expected = variants.bracket(bench, plain, PLAIN, narrow._replace(width=16))
    np.testing.assert_array_equal(found.lower, expected.lower)
    found = variants.bracket(bench, plain, axes["narrow"], narrow._replace(width=16))
    expected = variants.bracket(bench, plain, PLAIN, narrow)
    np.testing.assert_array_equal(found.lower, expected.lower)


def test_every_kind_and_axis_is_measured(monkeypatch):
    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], c_act_other_seeds=2))
    monkeypatch.setattr(c_act_axes, "IMAGES", (16, 2))
    monkeypatch.setattr(c_act_axes, "ROWS", (16, 6))
    bench = Bench(1)
    found = {claim.id: judge(claim, bench).measured for claim in c_act_axes.CLAIMS}
    assert {one.n for one in found.values()} == {2}
    assert len(found) == 21
