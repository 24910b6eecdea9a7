"""Classification and boundaries."""

import numpy as np
import pytest

from catapult_sim.numeric.linear_net import LinearNet
from catapult_sim.numeric.runs.boundary import Boundary, boundary, centre
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.phases import Phase, classify, divergence, escape, rise
from catapult_sim.numeric.runs.trajectory import Outcome, Trajectory
from catapult_sim.validation import InputError
from tests.numeric.runs.test_iterate import count, scripted

SCRIPTS = {
    "monotone to zero": ([1, 0.5, 1e-4], Phase.LAZY),
    "peaks at 10^4 times its start and comes back": ([1, 1e4, 1e-5], Phase.CATAPULT),
    "only slow": ([1, 0.999, 0.998], Phase.UNDECIDED),
    "rose and has not come back yet": ([1, 50, 40], Phase.UNDECIDED),
    "straight to NaN": ([1, np.nan, np.nan], Phase.DIVERGENT),
    "straight to infinity": ([1, np.inf, np.inf], Phase.DIVERGENT),
    "starts at the minimum": ([0, 0, 0], Phase.LAZY),
    "came down, then NaN": ([1, 1e-6, np.nan], Phase.DIVERGENT),
}


@pytest.mark.parametrize("story", SCRIPTS)
def test_a_phase_is_what_the_losses_tell(story):
    losses, phase = SCRIPTS[story]
    start, loss = scripted([losses])
    assert classify(iterate(count, start, steps=2, **loss))[0] == phase


def test_sides_of_the_boundaries_follow_the_phases():
    start, loss = scripted([losses for losses, _ in SCRIPTS.values()])
    run = iterate(count, start, steps=2, **loss)
    np.testing.assert_array_equal(rise(run), [-1, 1, -1, 1, 1, 1, -1, 1])
    np.testing.assert_array_equal(divergence(run), [-1, -1, 0, 0, 1, 1, -1, 1])


@pytest.mark.parametrize("width", [10.0**power for power in range(1, 9)])
def test_the_catapult_is_seen_however_long_it_takes(width):
    # It lasts ln(n) steps: a detector with a fixed window would miss the wide ones.
    net = LinearNet([[1.0]], [0.0], width=width)
    state = net.init(rng=3)
    assert (
        classify(net.train(learning_rate=2.5 / net.top_eigenvalue(state), steps=400, state=state))
        == Phase.CATAPULT
    )


def step_at(edges):
    return lambda c: np.where(c > np.asarray(edges), 1, -1)


def test_a_boundary_is_bracketed_for_each_member():
    edges = np.array([2.2, 3.7, 5.1])
    found = boundary(step_at(edges), 1, 8, members=3, tolerance=1e-4)
    assert ((found.lower <= edges) & (edges < found.upper)).all()
    assert (found.upper / found.lower < 1 + 2e-4).all()
    assert found.measured.n == 3
    assert abs(found.measured.value - edges.mean()) < 1e-3
    assert found.measured.error == pytest.approx(edges.std(ddof=1) / np.sqrt(3), rel=1e-2)


def test_without_spread_the_error_is_half_a_bracket():
    found = boundary(step_at(3.0), 1, 8, tolerance=1e-2)
    assert found.measured.error == pytest.approx((found.upper[0] - found.lower[0]) / 2)


def test_an_undecided_zone_is_the_bracket():
    def side(c):
        return np.where(c < 3, -1, np.where(c > 4, 1, 0))

    found = boundary(side, 1, 10, tolerance=1e-4)
    assert found.lower[0] == pytest.approx(3, rel=1e-3)
    assert found.upper[0] == pytest.approx(4, rel=1e-3)
    assert found.lower[0] < 3
    assert found.upper[0] > 4
    assert found.measured.error == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize("high", [8.0, 1e12])
@pytest.mark.parametrize("zone", [1.0, 0.96])
def test_a_search_finer_than_rounding_ends(high, zone):
    edge = high / 3.2

    def side(c):
        nonlocal calls
        calls += 1
        assert calls < 200
        return np.where(c > edge, 1, np.where(c > zone * edge, 0, -1))

    calls = 0
    found = boundary(side, 1, high, tolerance=1e-18)
    # To the rounding of the logarithms that are halved.
    assert found.lower[0] == pytest.approx(zone * edge, rel=1e-13)
    assert found.upper[0] == pytest.approx(edge, rel=1e-13)
    assert found.lower[0] <= zone * edge
    assert found.upper[0] > edge


def test_re_entrant_windows_are_reported():
    def side(c):
        return np.where((c < 2) | ((c > 5) & (c < 6)), -1, 1)

    found = boundary(side, 1, 8, grid=40)
    assert found.lower[0] == pytest.approx(2, rel=2e-3)
    assert found.windows
    assert all(5 < value < 6 and member == 0 for member, value in found.windows)


def test_a_boundary_beyond_the_search_is_a_lower_bound():
    found = boundary(step_at([3.0, 99.0]), 1, 8, members=2)
    assert found.measured.at_least
    assert np.isinf(found.upper[1])
    assert found.lower[1] == pytest.approx(8)
    assert str(found.measured).startswith(">= ")


def test_a_boundary_below_the_search_is_an_upper_bound():
    found = boundary(step_at(0.5), 1, 8)
    assert (found.lower[0], found.upper[0]) == (0, 1)
    assert (found.measured.at_least, found.measured.at_most) == (False, True)
    assert str(found.measured) == "<= 1"


def test_members_beyond_both_ends_of_the_search_bound_nothing():
    found = boundary(step_at([0.5, 99.0]), 1, 8, members=2)
    assert (found.measured.at_least, found.measured.at_most) == (True, True)
    assert str(found.measured).startswith("~ ")


def test_a_rise_is_of_any_quantity_and_an_escape_of_the_loss():
    values = {
        "loss": np.array([[1.0, 1.0, 1.0], [0.5, 2.0, np.nan]]),
        "sharpness": np.array([[3.0, 3.0, 3.0], [3.1, np.nan, np.nan]]),
    }
    outcome = np.array([Outcome.RUNNING, Outcome.RUNNING, Outcome.DIVERGED], dtype=np.int8)
    run = Trajectory(np.arange(2), values, np.zeros((3, 1)), outcome, np.ones(3, dtype=int))
    assert rise(run).tolist() == [-1, 1, 1]
    assert rise(run, "sharpness").tolist() == [1, -1, 1]
    assert escape(run).tolist() == [-1, -1, 1]


def test_everything_undecided_says_so():
    found = boundary(lambda c: np.zeros(c.shape), 1, 8)
    assert (found.lower[0], found.upper[0]) == (0, np.inf)


def test_refinement_costs_two_runs_per_member_and_third():
    found = boundary(step_at(3.0), 1, 8, grid=16, tolerance=1e-3)
    thirds = np.ceil(np.log(np.log(8) / 15 / np.log1p(1e-3)) / np.log(3))
    assert found.evaluations == 16 + 2 * thirds


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"low": -1.0}, "low must be finite and above 0; got -1"),
        ({"low": 9.0}, "low must be less than high; got low = 9, high = 8"),
        ({"grid": 1}, "grid must be an integer of at least 2; got 1"),
        ({"tolerance": 0.0}, "tolerance must be finite and above 0; got 0"),
        ({"members": 0}, "members must be an integer of at least 1; got 0"),
    ],
)
def test_a_wrong_search_is_refused(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        boundary(step_at(3.0), **{"low": 1.0, "high": 8.0} | wrong)


@pytest.mark.parametrize("sides", [1, np.ones(16), np.ones((16, 2)), [[1], [1, 2]]])
def test_sides_have_the_shape_of_their_values(sides):
    with pytest.raises(InputError, match=r"side_at must return shape \(16, 1\) for values of that"):
        boundary(lambda c: sides, 1.0, 8.0)


def test_the_finest_tolerance_is_reached():
    found = boundary(step_at(3.0), 1.0, 8.0, tolerance=1e-14)
    assert 0 < found.upper[0] - found.lower[0] < 4e-14


@pytest.mark.parametrize("settled", [0.0, -1.0, np.nan])
def test_what_counts_as_come_down_is_positive(settled):
    run = LinearNet([[1.0]], [0.0], width=10).train(learning_rate=0.1, steps=2)
    with pytest.raises(InputError, match="settled must be finite and above 0; got"):
        classify(run, settled=settled)


def test_the_centre_of_an_open_bracket_is_the_end_it_has():
    lower, upper = np.array([0.0, 4.0, 4.0, 0.0]), np.array([2.0, np.inf, 6.0, np.inf])
    found = Boundary(centre(lower, upper), lower, upper, (), 1)
    np.testing.assert_array_equal(found.centres, [2, 4, 5, np.nan])


def test_a_member_that_crossed_nowhere_is_left_out():
    """Where everything is undecided there is no number, and nothing to average with others."""
    undecided = boundary(lambda c: np.zeros(c.shape), 1, 8)
    assert undecided.measured.n == 0
    assert np.isnan(undecided.measured.value)
    sides = step_at([3.0, 3.0])
    half = boundary(lambda c: sides(c) * [1, 0], 1, 8, members=2)
    assert half.measured.n == 1
    assert half.measured.value == pytest.approx(3, rel=1e-3)
    assert not half.measured.at_least


@pytest.mark.parametrize("edge", [1.5, 3.0, 7.9])
def test_truth_values_are_sides(edge):
    found = boundary(lambda c: c > edge, 1, 8, tolerance=1e-4)
    assert found.lower[0] <= edge < found.upper[0] <= found.lower[0] * 1.0002
    assert found == boundary(step_at(edge), 1, 8, tolerance=1e-4)


def test_truth_that_never_changes_is_a_bound():
    assert str(boundary(lambda c: c > 9, 1, 8).measured) == ">= 8"
    assert str(boundary(lambda c: c > 0, 1, 8).measured) == "<= 1"


@pytest.mark.parametrize("given", [0.5, 2, np.nan, -1.5])
def test_what_is_no_side_is_refused(given):
    with pytest.raises(InputError, match="side_at must return -1, 0 and 1, or truth values; got"):
        boundary(lambda c: np.full(c.shape, given), 1, 8)
