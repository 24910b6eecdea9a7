"""Learning rate over batch size and the length of epochs, on cases whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from catapult_sim import claims
from catapult_sim.claims.smith2021 import minima, scale, validity
from catapult_sim.claims.smith2021.flow import GROUP
from catapult_sim.claims.verdict import BAD, GOOD, Verdict, judge
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.flows.epochs import draws, mean_epoch
from catapult_sim.numeric.runs.measured import NothingToMeasure
from tests.experiments.efforts import TINY

SEEDS = np.linspace(-1, 1, 6)


def one(name):
    (claim,) = claims.select([f"{GROUP}.{name}"])
    return claim


# Learning rate over batch size -----------------------------------------------------------------


def made_up(monkeypatch, best, setting=scale.DIGITS):
    """Networks whose quantities are lowest at ``best(rate + coefficient, size)`` of 0, log2."""

    def ends(bench, size, rate, coefficient=0.0):
        away = best(rate + coefficient, size)
        error = 0.1 + 0.01 * away**2 + 1e-4 * SEEDS
        return {"error": error, "penalty": np.exp(away + 1e-3 * SEEDS), "training": rate + error}

    monkeypatch.setattr(scale, "ends", ends)
    monkeypatch.setattr(scale, "setting", lambda bench: setting)


# Two batch sizes know a power to a third.
SCALES = {"error": scale.DIGITS, "penalty": scale.DIGITS, "proportional": scale.CLOTHING}


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        (lambda rate, size: np.log2(rate / size) + 2, GOOD),
        (lambda rate, size: np.log2(rate) - 2, BAD),
        (lambda rate, size: np.log2(rate / size**0.5) - 0.5, BAD),
    ],
)
def test_what_counts_by_the_rate_over_the_batch_size_is_told_from_other_rules(
    monkeypatch, best, expected
):
    for name, setting in SCALES.items():
        made_up(monkeypatch, best, setting)
        assert judge(one(f"scale.{name}"), None).verdict in expected, name


def test_optima_between_rates_are_found_and_those_beyond_are_not(monkeypatch):
    rng = np.random.default_rng(0)
    for _ in range(20):
        places, best = rng.normal() + np.arange(6) / 2, rng.uniform(1, 1.5)
        values = 3 + 0.2 * (places - places[0] - best) ** 2
        assert scale.lowest(places, values) == pytest.approx(places[0] + best)
        with pytest.raises(NothingToMeasure):
            scale.lowest(places, np.sort(values))
    made_up(monkeypatch, lambda rate, size: np.log2(rate / size) + 6)
    assert judge(one("scale.proportional"), None).verdict is Verdict.OPEN


def test_the_variance_between_is_that_of_sums_of_squares_written_out():
    rng = np.random.default_rng(1)
    for _ in range(20):
        places, values = rng.integers(0, 4, 12), rng.normal(size=12)
        groups = [values[places == place] for place in range(4) if np.sum(places == place) > 1]
        every = np.concatenate(groups)
        within = sum(np.sum((group - np.mean(group)) ** 2) for group in groups)
        expected = 1 - within / np.sum((every - np.mean(every)) ** 2)
        members = values[:, None] + rng.normal(size=(1, 5))
        moved = members - members.mean(axis=1, keepdims=True) + values[:, None]
        assert scale.variance_between(places, moved) == pytest.approx(expected)


def test_the_noise_of_few_members_is_taken_off_the_variance():
    rng = np.random.default_rng(3)
    places, shares, flat = np.repeat(np.arange(8), 2), [], 0
    truth = np.where(np.arange(16) % 2, 0.5, -0.5) + rng.permutation(np.linspace(-2, 2, 8))[places]
    expected = 1 - 16 * 0.25 / np.sum((truth - truth.mean()) ** 2)
    for _ in range(300):
        noise = 2 * rng.normal(size=(16, 6)) + rng.normal(size=6)  # the last is a member's own
        shares.append(scale.variance_between(places, truth[:, None] + noise))
        try:
            scale.variance_between(places, noise)
        except NothingToMeasure:
            flat += 1
    assert np.mean(shares) == pytest.approx(expected, abs=0.05)  # 0.7 of it without
    assert 100 < flat < 200  # nothing but noise: as often below as above zero


def test_a_member_has_no_say_in_the_rate_that_it_is_judged_at():
    values = np.random.default_rng(2).normal(size=(4, 5))
    expected = []
    for member in range(5):
        others = np.delete(values, member, axis=1).mean(axis=1)
        best = 1 + int(np.argmin(others[1:]))
        expected.append(values[best, member] - values[0, member])
    assert scale.excess_at_best(values).value == pytest.approx(np.mean(expected))


def test_gains_of_larger_rates_and_of_coefficients_are_told_from_losses(monkeypatch):
    for sign, expected in ((1, GOOD), (-1, BAD)):
        made_up(monkeypatch, lambda rate, size, sign=sign: sign * -np.log2(rate) / 8 + 5)
        for name in ("large", "explicit"):
            assert judge(one(f"scale.{name}"), None).verdict in expected


@pytest.mark.parametrize(("octave", "expected"), [(1, BAD), (4, GOOD)])
def test_errors_smallest_below_the_rate_of_the_smallest_loss_are_told(
    monkeypatch, octave, expected
):
    def ends(bench, size, rate, coefficient=0.0):
        flat, away = 1e-4 * SEEDS, np.log2(rate)
        return {"error": (away - octave) ** 2 + flat, "training": (away - 3) ** 2 + flat}

    monkeypatch.setattr(scale, "ends", ends)
    monkeypatch.setattr(scale, "setting", lambda bench: scale.DIGITS)
    judged = judge(one("scale.above"), None)
    assert judged.measured.value == {1: 4, 4: -4}[octave]  # (3 - 1)^2 - 0, and 0 - (2 - 4)^2
    assert judged.verdict in expected


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(EFFORTS, "tiny", replace(TINY, clothing=False))
    small = scale.Setting(64, 1.0, (1.0, 2.0, 4.0), (8, 32), 2.0, (2.0,), (8, 32), 3)
    monkeypatch.setattr(scale, "DIGITS", small)
    return lambda seed=0, data=None: Bench(seed, "tiny", data)


def test_every_claim_measures_networks_trained_for_the_same_time(tiny, monkeypatch):
    times, train = set(), scale.trained

    def told(bench, recipe, data, count):
        steps = recipe.epochs * len(data[0]) // recipe.batch_size
        times.add((recipe.learning_rate * steps, count))
        return train(bench, recipe, data, count)

    monkeypatch.setattr(scale, "trained", told)
    bench = tiny()
    judged = {one.id: judge(one, bench) for one in claims.select([f"{GROUP}.scale"])}
    for name in ("large", "explicit", "penalty"):  # others may have no optimum between rates
        assert np.isfinite(judged[f"{GROUP}.scale.{name}"].measured.value), name
    assert times == {(64.0, 3)}


def test_labels_that_are_numbers_leave_it_open(tiny, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", X=rng.normal(size=(200, 3)), y=rng.normal(size=200))
    judged = judge(one("scale.error"), tiny(data=tmp_path / "a.npz"))
    assert judged.verdict is Verdict.OPEN


# The length of epochs --------------------------------------------------------------------------


@pytest.mark.parametrize("claim", claims.select([f"{GROUP}.validity"]), ids=lambda c: c.id)
def test_the_claims_on_the_length_of_epochs_hold(claim):
    assert judge(claim, Bench(0)).verdict in GOOD


@pytest.mark.parametrize("m", [2, 4, 6])
def test_the_mean_epoch_is_that_over_all_orders(m):
    h, c = validity.parabolas(m)

    def pull(w):
        return h[:, None] * (w[..., None, :] - c[:, None])

    epoch = mean_epoch(pull, draws("shuffled", m))
    for step_size in (0.01, 0.3):
        offset, end = (epoch(np.array([w]), step_size)[0] for w in (0.0, 1.0))
        found = validity.epoch(m, step_size)
        np.testing.assert_allclose(found, (end - offset, offset), rtol=1e-12, atol=1e-13)


def test_the_fraction_of_two_batches_is_that_of_the_derived_minima():
    length = 0.2
    step = length / (2 * minima.CURVATURES.mean())
    loss, shuffled = (minima.minimum(minima.APART, step, how) for how in ("full", "shuffled"))
    expected = (minima.rest(minima.APART, step) - loss) / (shuffled - loss)
    assert validity.fraction(2, length) == pytest.approx(expected, rel=1e-9)


def test_the_error_of_the_flow_is_that_of_its_exponential():
    m, step = 4, 0.05
    h, c = validity.parabolas(m)
    bent = h + step * h**2 / 2
    generator = np.array([[-bent.mean(), np.mean(bent * c)], [0.0, 0.0]])
    followed = (expm(m * step * generator) @ [validity.START, 1.0])[0]
    slope, offset = validity.epoch(m, step)
    expected = abs(slope * validity.START + offset - followed)
    assert validity.flow_error(m, step) == pytest.approx(expected, rel=1e-9)


def test_another_fraction_is_refuted(monkeypatch):
    monkeypatch.setattr(validity, "predicted", lambda length: 1 / (1 + length / 6) ** 3)
    assert judge(one("validity.fraction"), Bench(0)).verdict is Verdict.FAILS
