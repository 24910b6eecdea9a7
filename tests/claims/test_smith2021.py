"""The claims on implicit regularisation: that they measure, and that what is broken is refuted."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.claims.smith2021 import coefficients as small
from catapult_sim.claims.smith2021 import experiment, flow, minima
from catapult_sim.claims.smith2021.experiment import EXPLICIT, LARGE, SMALL, Recipe
from catapult_sim.claims.verdict import BAD, GOOD, Verdict, judge
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.flows.epochs import draws
from catapult_sim.symbolic import backward_error
from catapult_sim.validation import InputError
from tests.experiments.efforts import TINY

EXACT = ("identity", "finite-batch", "coefficient", "series", "curl", "momentum", "minimum")


@pytest.fixture(scope="module")
def low():
    """A bench on which fields are derived to first order only, or second where a curl needs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "ORDERS", {**dict.fromkeys(flow.ORDERS, 1), "full": 2, "shuffled": 2})
        yield Bench(11)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(EFFORTS, "tiny", replace(TINY, trained=12))
    monkeypatch.setattr(experiment, "HIDDEN", 16)
    monkeypatch.setattr(experiment, "SAMPLES", 64)
    return lambda seed=0, data=None: Bench(seed, "tiny", data)


def one(name):
    (claim,) = claims.select([f"{flow.GROUP}.{name}"])
    return claim


@pytest.mark.parametrize(
    "claim", claims.select([f"{flow.GROUP}.{name}" for name in EXACT]), ids=lambda c: c.id
)
def test_the_mathematical_claims_are_confirmed(claim, low):
    assert judge(claim, low).verdict in GOOD


@pytest.mark.parametrize(
    "name",
    [f"{sampling}-{order}" for sampling in flow.ORDERS for order in (0, 1)]
    + ["full-2", "shuffled-1-not-full", "replacement-1-not-shuffled"]
    + [f"in-a-row-{steps}{name}" for steps in (2, 4) for name in ("", "-not-sum")],
)
def test_the_slopes_are_confirmed(name, low):
    assert judge(one(f"order.{name}"), low).verdict in GOOD


def test_sgd_rests_where_its_mean_epoch_written_out_does():
    """The fixed point of the mean over both orders, a linear equation."""
    (a, b), (x, y), h = minima.CURVATURES, minima.APART, 0.05

    def epoch(first, second):  # w -> slope w + offset
        (p, u), (q, v) = first, second
        return (1 - h * q) * (1 - h * p), (1 - h * q) * h * p * u + h * q * v

    slopes, offsets = zip(epoch((a, x), (b, y)), epoch((b, y), (a, x)), strict=True)
    expected = np.mean(offsets) / (1 - np.mean(slopes))
    assert minima.rest(minima.APART, h) == pytest.approx(expected, rel=1e-13)


def test_the_minimum_of_another_loss_is_refuted(monkeypatch):
    """With the variance's coefficient doubled the error is of first order again."""
    real = backward_error.modified_loss

    def doubled(losses, state, eps, *, sampling):
        return 2 * real(losses, state, eps, sampling=sampling) - real(losses, state, 0)

    monkeypatch.setattr(backward_error, "modified_loss", doubled)
    assert judge(one("minimum.modified"), Bench(0)).verdict is Verdict.FAILS


def verdicts(bench, *names):
    return {name: judge(one(name), bench).verdict.name for name in names}


def test_a_wrong_coefficient_in_the_field_is_refuted(monkeypatch):
    def wrong(*arguments, **options):
        field = right(*arguments, **options)
        first = tuple(1.01 * component for component in field.terms[1])
        return replace(field, terms=(field.terms[0], first, *field.terms[2:]))

    right = backward_error.modified_field
    monkeypatch.setattr(flow, "ORDERS", dict.fromkeys(flow.ORDERS, 1))
    monkeypatch.setattr(backward_error, "modified_field", wrong)
    found = verdicts(Bench(0), "order.full-0", "order.full-1", "order.reversed_pair-1")
    first, *wrong_ones = found.values()
    assert first == "HOLDS"
    assert "FAILS" in wrong_ones
    assert "HOLDS" not in wrong_ones


def test_draws_with_replacement_taken_for_shuffling_are_refuted(monkeypatch):
    for module in (small, flow):
        monkeypatch.setattr(module, "draws", lambda sampling, m: draws("replacement", m))
    found = verdicts(
        Bench(0),
        "identity.order-average",
        "identity.replacement",
        "coefficient.shuffled-descent",
        "coefficient.shuffled-variance",
    )
    assert list(found.values()) == ["FAILS", "HOLDS", "HOLDS", "FAILS"]


def test_samples_drawn_twice_into_a_batch_are_refuted(monkeypatch):
    right = small.small_network
    monkeypatch.setattr(small, "small_network", lambda bench, m, size: right(bench, 4, size))
    monkeypatch.setattr(small, "combinations", lambda rows, size: product(rows, repeat=size))
    assert verdicts(Bench(0), "finite-batch") == {"finite-batch": "FAILS"}


def test_a_wrong_printed_coefficient_is_refuted(monkeypatch):
    monkeypatch.setitem(flow.PRINTED, "f''(f, f'f)", -1 / 6)
    assert verdicts(Bench(0), "series") == {"series": "FAILS"}


def test_a_penalty_of_gradient_descent_s_size_is_refuted_for_heavy_ball():
    for beta in (0.5, 0.9):
        wrong = replace(one(f"momentum.beta-{beta}"), predict=lambda bench: 1 / (1 - beta) / 4)  # noqa: B023
        assert judge(wrong, Bench(0)).verdict in BAD


def test_all_recipes_train_for_the_same_time_and_the_same_total_regulariser():
    halved, doubled = Recipe(8, 0.5), Recipe(32, 2.0)
    times = {
        r.learning_rate * r.epochs / r.batch_size for r in (LARGE, SMALL, EXPLICIT, halved, doubled)
    }
    assert times == {2.0}
    assert EXPLICIT.learning_rate + EXPLICIT.regularizer == LARGE.learning_rate
    assert len({r.learning_rate / r.batch_size for r in (LARGE, halved, doubled)}) == 1


def test_what_is_penalised_falls_by_the_penalty_made_explicit(tiny, monkeypatch):
    # Where every pixel is scaled by itself, rates are small enough for the first order.
    bench = Bench(0, "tiny", inputs="pixel")
    doubled = replace(EXPLICIT, regularizer=2 * EXPLICIT.regularizer)
    large, explicit = (experiment.excess(bench, "penalty", recipe) for recipe in (LARGE, EXPLICIT))
    assert large.value < -3 * large.error
    assert explicit.value < -3 * explicit.error
    assert experiment.effect_ratio(bench, "penalty", EXPLICIT).value == pytest.approx(1, abs=0.3)
    assert experiment.effect_ratio(bench, "penalty", doubled).value > 1.4
    assert experiment.effect_ratio(bench, "penalty", LARGE).value == 1
    assert experiment.excess(bench, "penalty", SMALL).value == 0


def test_the_experiment_is_the_seed_s_and_no_company_s(tiny):
    one, again, other = tiny(1), tiny(1), tiny(2)
    experiment.ends(again, SMALL)
    for name, values in experiment.ends(one, LARGE).items():
        np.testing.assert_array_equal(values, experiment.ends(again, LARGE)[name])
        assert not np.array_equal(values, experiment.ends(other, LARGE)[name])


def test_the_error_of_a_ratio_is_the_scatter_of_repeated_experiments(monkeypatch):
    rng, seeds = np.random.default_rng(0), 16

    def ends(bench, recipe):
        return bench[recipe]

    monkeypatch.setattr(experiment, "ends", ends)
    found = []
    for _ in range(300):
        small, shared = rng.normal(size=(2, seeds))
        large = small - 4 - shared
        change = small - 2 - 0.5 * shared + 0.3 * rng.normal(size=seeds)
        bench = {SMALL: {"loss": small}, LARGE: {"loss": large}, EXPLICIT: {"loss": change}}
        found.append(experiment.effect_ratio(bench, "loss", EXPLICIT))
    values = np.array([measured.value for measured in found])
    errors = np.array([measured.error for measured in found])
    assert values.mean() == pytest.approx(0.5, abs=4 * values.std() / np.sqrt(300))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.2)


def test_training_and_test_samples_are_all_the_samples_once():
    (X, y), (others, labels) = Bench(4).split(256, multiple_of=32)
    assert (len(X), len(X) + len(others)) == (256, 1797)
    assert {y.shape[1], labels.shape[1]} == {10}
    every = np.concatenate([X, others])
    np.testing.assert_allclose((every.mean(), every.std()), (0, 1), atol=1e-12)
    assert not np.array_equal(X, Bench(5).split(256, multiple_of=32)[0][0])


@pytest.mark.parametrize(("samples", "measured"), [(5, False), (63, False), (64, True)])
def test_a_file_with_too_few_samples_leaves_the_experiment_unmeasured(
    tiny, tmp_path, samples, measured
):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", X=rng.normal(size=(samples, 3)), y=rng.normal(size=samples))
    bench = tiny(data=tmp_path / "a.npz")
    judged = judge(one("experiment.loss.large"), bench)
    assert np.isfinite(judged.measured.value) == measured
    assert measured or judged.verdict is Verdict.OPEN
    for name in ("identity.reversal", "coefficient.full-descent", "finite-batch"):
        assert judge(one(name), bench).verdict in GOOD


def test_where_a_large_learning_rate_changes_nothing_no_fraction_is_claimed(monkeypatch):
    same = {"loss": np.ones(8)}
    monkeypatch.setattr(experiment, "ends", lambda bench, recipe: same)
    assert judge(one("experiment.loss.recovered"), Bench(0)).verdict is Verdict.OPEN


def test_data_without_variation_are_refused(tiny, tmp_path):
    np.savez(tmp_path / "a.npz", X=np.ones((80, 3)), y=np.arange(80.0))
    for name in ("experiment.loss.large", "coefficient.full-descent"):
        with pytest.raises(InputError, match=r"top kernel eigenvalue .* must be positive; got 0"):
            judge(one(name), tiny(data=tmp_path / "a.npz"))
