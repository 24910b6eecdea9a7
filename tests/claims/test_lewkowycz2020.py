"""The claims of the catapult: that they measure, and that a broken theory is refuted."""

import dataclasses
import math

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.claims import lewkowycz2020
from catapult_sim.claims.lewkowycz2020 import boundaries, closure
from catapult_sim.claims.verdict import BAD, GOOD, Verdict, judge
from catapult_sim.experiments import networks, one_sample
from catapult_sim.experiments.architectures import Architecture
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.runs.boundary import Boundary, boundary
from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.symbolic import linear_net
from catapult_sim.symbolic.linear_net import f, lam
from catapult_sim.validation import InputError
from tests.experiments.efforts import TINY

EXACT = [
    claim
    for claim in lewkowycz2020.CLAIMS
    if claim.kind == "theorem" and not claim.id.startswith("catapult.data")
]


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    return lambda seed=0: Bench(seed, "tiny")


def test_ids_are_unique_and_every_claim_has_words_and_a_source():
    ids = [claim.id for claim in claims.CLAIMS]
    assert len(set(ids)) == len(ids)
    assert all(claim.text and str(claim.says) and claim.tolerance >= 0 for claim in claims.CLAIMS)


def test_selection_takes_ids_and_beginnings():
    chosen = claims.select(["catapult"])
    assert {*boundaries.CLAIMS} < {*chosen} < {*claims.CLAIMS}
    assert {one.id.split(".")[0] for one in chosen} == {"catapult"}
    assert [one.id for one in claims.select(["catapult.map", "catapult.peak"])] == [
        "catapult.map",
        "catapult.peak.width",
        "catapult.peak.time-2.5",
        "catapult.peak.time-3",
    ]
    with pytest.raises(
        InputError, match=r"claims must be ids .* such as catapult, .*; got 'catapul'"
    ):
        claims.select(["catapult.map", "catapul"])


@pytest.mark.parametrize("claim", EXACT, ids=lambda claim: claim.id)
def test_the_exact_claims_are_confirmed(claim):
    assert judge(claim, Bench(11)).verdict in GOOD


# Seeds at which f, a sum of terms of either sign, once falls to 1e-6 of them; at which the
# curvature of a start of width 1e12 moves by nothing at all; and at which the edge was unclear.
UNLUCKY = {
    "catapult.map": (2, 16, 20, 23, 68),
    "catapult.lazy.width": (0, 1, 3, 4),
    "catapult.data.rise.width": (0,),
    "edge_of_stability.basin": (0,),
}


@pytest.mark.parametrize("name", UNLUCKY)
def test_rounding_and_one_start_refute_no_exact_claim(name):
    (claim,) = (one for one in claims.CLAIMS if one.id == name)
    for seed in UNLUCKY[name]:
        assert judge(claim, Bench(seed)).verdict in GOOD, seed


BREAKS = {
    "the sign of the self-interaction": lambda g, h: (
        g - 2 * (g - g.subs(linear_net.n, 10**30)),
        h,
    ),
    "four becomes three in the curvature": lambda g, h: (g, lam + 0.75 * (h - lam)),
    "a factor two in the learning rate": lambda g, h: (f + 2 * (g - f), h),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_formula_is_refuted(broken, monkeypatch):
    rule = linear_net.sample_map()
    wrong = dataclasses.replace(rule, next=BREAKS[broken](*rule.next))
    monkeypatch.setattr(linear_net, "sample_map", lambda: wrong)
    verdicts = {
        claim.id: judge(claim, Bench(11)).verdict for claim in claims.select(["catapult.map"])
    }
    assert verdicts == {"catapult.map": Verdict.FAILS}


def lagging(thetas, *_):
    return np.concatenate([thetas[:1], thetas[:-1]])


def biased(run):
    """Let the explicit run carry a weight decay that the closure does not know of."""
    return lambda *given, **method: run(*given, **method | {"weight_decay": 1e-6})


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_another_average_is_refuted(name, monkeypatch):
    monkeypatch.setattr(closure, "explicit_average", lagging)
    (claim,) = claims.select([f"catapult.closure.{name}"])
    assert judge(claim, Bench(11)).verdict in BAD


@pytest.mark.parametrize("name", ["outputs", "thin", "fixed-batches"])
def test_a_slightly_different_training_is_refuted(name, monkeypatch):
    monkeypatch.setattr(closure, "explicit_run", biased(closure.explicit_run))
    (claim,) = claims.select([f"catapult.closure.{name}"])
    assert judge(claim, Bench(11)).verdict in BAD


def made_up(monkeypatch, lower, upper):
    """Every linear network's bracket, by its width."""
    monkeypatch.setattr(
        networks,
        "linear_boundary",
        lambda bench, kind, width: Boundary(
            None, np.atleast_1d(lower(width)), np.atleast_1d(upper(width)), (), 0
        ),
    )


def test_the_earliest_end_is_as_uncertain_as_its_bracket(monkeypatch):
    early = boundaries.WIDTHS[-1]
    made_up(
        monkeypatch,
        lambda width: np.array([3.7 if width == early else 3.99, 3.9]),
        lambda width: np.array([3.8 if width == early else 4.01, 4.1]),
    )
    found = boundaries.earliest_end(Bench(0))
    assert (found.value, found.error) == (pytest.approx(-0.25), pytest.approx(0.05))


def test_the_exponent_of_the_rise_is_as_uncertain_as_its_brackets(monkeypatch):
    def excess(width):
        return 30.0 * np.array([width, 2.0 * width]) ** -0.5

    made_up(monkeypatch, lambda w: 2 + 0.9 * excess(w), lambda w: 2 + 1.1 * excess(w))
    found = boundaries.rise_excess(Bench(0))
    assert found.value == pytest.approx(-0.5, rel=1e-12)
    # The line from one corner of the outer brackets to the other, in logarithms to first order;
    # the middle width has little leverage on it.
    assert found.error == pytest.approx(2 * 0.1 / math.log(10), rel=0.05)


def test_runs_that_break_a_rule_are_counted():
    """At c = 1.5 all runs are lazy: none breaks that, and all break that none is."""
    for every, broken in ((True, 0.0), (False, 1.0)):
        found = one_sample.exceptions(Bench(3), 1.5, Phase.LAZY, every)
        assert (found.value, found.error) == (broken, 0.0)
        assert found.n == Bench(3).effort.starts * len(one_sample.WIDTHS)
    assert one_sample.exceptions(Bench(3), 2.5, Phase.LAZY, True).value == 1.0


def test_another_seed_measures_other_digits():
    for claim in claims.select(["catapult.one-sample.rise", "catapult.peak.width"]):
        one, other = judge(claim, Bench(0)), judge(claim, Bench(1))
        assert one.measured.value != other.measured.value
        assert judge(claim, Bench(0)).measured == one.measured


def test_the_rise_of_one_sample_is_predicted_start_by_start():
    bench = Bench(5)
    found = one_sample.rise_boundary(bench)
    centre = (found.lower + found.upper).reshape(len(one_sample.WIDTHS), -1) / 2
    f0, lam0 = np.moveaxis(one_sample.starts(bench), -1, 0)
    # Eq. 2: the output grows in the first step where c - c^2 f0^2 / (n lam0^2) > 2.
    q = f0**2 / (np.array(one_sample.WIDTHS)[:, None] * lam0**2)
    np.testing.assert_allclose(centre - centre**2 * q, 2, atol=5e-4)


@pytest.mark.parametrize("name", ["linear-1", "relu-1", "tanh-2", "closure", "data.rise"])
def test_claims_on_data_measure_something_at_any_size(name, tiny):
    for claim in claims.select([f"catapult.{name}"]):
        judged = judge(claim, tiny())
        assert np.isfinite(judged.measured.value), claim.id
        assert judged.measured.n > 0


def test_claims_do_not_depend_on_the_order_in_which_they_are_judged(tiny):
    chosen = claims.select(["catapult.relu-1", "catapult.data"])
    forward, backward = tiny(), tiny()
    one = {claim.id: judge(claim, forward).measured for claim in chosen}
    other = {claim.id: judge(claim, backward).measured for claim in reversed(chosen)}
    assert one == other


def test_the_trained_linear_network_and_the_closure_have_the_same_boundary(tiny):
    bench, width = tiny(), 64
    drawn = networks.draw_networks(bench, Architecture("linear", 1), width, dtype="float64")
    net = networks.linear_net(bench.samples(), width)
    (U, _), (V, _) = drawn.net.split(drawn.start)
    state = net.from_weights(np.swapaxes(U, 1, 2), V)
    np.testing.assert_allclose(drawn.unit, 1 / net.top_eigenvalue(state), rtol=1e-12)
    how = networks.search(bench, "end")

    def closure_side(c):
        steps = how.stop["steps"]
        rates = c * drawn.unit
        return how.side(net.train(learning_rate=rates, steps=steps, state=state, tolerance=1e-4))

    explicit = networks.network_boundary(bench, "end", Architecture("linear", 1), width)
    closure = boundary(closure_side, how.low, how.high, members=3, grid=6, tolerance=5e-2)
    np.testing.assert_allclose(closure.lower, explicit.lower)
    np.testing.assert_allclose(closure.upper, explicit.upper)


def test_data_without_variation_are_refused(tmp_path):
    np.savez(tmp_path / "flat.npz", X=np.ones((4, 3)), y=np.arange(4.0))
    bench = Bench(0, data=tmp_path / "flat.npz")
    with pytest.raises(
        InputError, match=r"top kernel eigenvalue of the data .* must be positive; got 0"
    ):
        networks.draw_networks(bench, Architecture("relu", 1), 8)
