"""The claims on sharpest directions: judged on made-up runs, and that they measure real ones."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from catapult_sim import claims
from catapult_sim.claims import jastrzebski2019 as paper
from catapult_sim.claims.jastrzebski2019 import curvature, exact, nudged, runs, table
from catapult_sim.claims.jastrzebski2019.paper import GROUP
from catapult_sim.claims.verdict import BAD, GOOD, Verdict, judge
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.experiments.sharpest_directions import Track
from catapult_sim.numeric.curvature.step_response import CrossSections
from catapult_sim.validation import InputError
from tests.experiments.efforts import TINY

OPEN = frozenset({Verdict.OPEN})


def one(name):
    (claim,) = (claim for claim in paper.CLAIMS if claim.id == f"{GROUP}.{name}")
    return claim


def made_up(curvature, loss=None, accuracy=0.9, seeds=4):
    """A run of seeds that differ by a few parts in a hundred."""
    spread = 1 + 0.02 * np.linspace(-1, 1, seeds)
    curvature = np.asarray(curvature, dtype=float)[:, None] * spread
    loss = np.ones(len(curvature)) if loss is None else np.asarray(loss, dtype=float)
    values = {"loss": loss[:, None] * spread, "accuracy": accuracy * spread[None] ** 0.01}
    nothing = np.zeros(0)
    step = 10 * np.arange(len(curvature))
    parts = nothing, nothing, nothing, nothing, nothing
    return Track(step, values, curvature[..., None], *parts)


def verdict_of(monkeypatch, name, instrument, found):
    """Judge a claim on what an instrument is told to find, by its options."""
    monkeypatch.setattr(runs, instrument, lambda bench, loss, *key, **more: found(*key, *more))
    return judge(one(name), None).verdict


def measured(monkeypatch, name, instrument, found):
    """Measure a finding on what an instrument is told to find, by its options."""
    assert verdict_of(monkeypatch, name, instrument, found) is Verdict.MEASURED
    return judge(one(name), None).measured


# Judgements -----------------------------------------------------------------------------------


def test_a_peak_lasts_a_tenth_of_a_run_and_a_spike_does_not():
    values = np.ones((40, 2))
    values[7, 0] = 9.0
    values[20:24, 1] = 5.0
    np.testing.assert_allclose(curvature.peak(values), [3.0, 5.0])
    np.testing.assert_allclose(curvature.spike(values), [9.0, 5.0])


def test_the_loss_is_halved_between_measurements():
    run = made_up(np.ones(4), [2.0, 1.5, 0.9, 0.1])
    np.testing.assert_allclose(nudged.halving_time(run), 10 + 10 * 0.25 / 0.3)


@pytest.mark.parametrize("loss", [[2.0, 1.5, 1.1], [2.0, np.nan, np.nan]])
def test_a_loss_that_is_never_halved_counts_as_halved_in_the_end(loss):
    np.testing.assert_array_equal(nudged.halving_time(made_up(np.ones(3), loss)), [20] * 4)


def halved(*steps):
    """Runs of 30 steps whose networks halve their loss at the given ones, or never."""
    time = np.arange(0, 31, 10.0)
    loss = [np.ones(4) if step is None else 1 - time / (2 * step) for step in steps]
    run = made_up(np.ones(4), seeds=len(steps))
    return replace(run, values={"loss": np.array(loss).T})


@pytest.mark.parametrize(
    ("nudged", "sgd", "expected"),
    [
        ((*range(10, 17), None), (*range(16, 23), None), GOOD),
        ((10, 11, 12, 13), (20, 21, None, None), GOOD),
        ((20, 21, None, None), (10, 11, 12, 13), BAD),
        ((None, 10, None, 10), (10, None, 10, None), OPEN),
        ((None,) * 4, (None,) * 4, OPEN),
    ],
)
def test_times_that_are_only_known_to_be_longer_than_the_run_are_judged(
    monkeypatch, nudged, sgd, expected
):
    def found(gamma):
        return halved(*(sgd if gamma == 1 else nudged))

    name = "cross_entropy.nudged.0.1.faster"
    assert verdict_of(monkeypatch, name, "nudged", found) in expected


def test_the_frobenius_norm_is_that_of_the_dense_hessian(tiny, monkeypatch):
    monkeypatch.setattr(table, "PROBES", 200)  # as many as there are dimensions: exact
    bench = tiny()
    found = table.columns(bench, "cross_entropy", table.SGD)
    given, run = runs.problem(bench, "cross_entropy"), runs.nudged(bench, "cross_entropy", 1.0)
    for member, theta in enumerate(run.state.astype(float)):
        product = given.net.at(theta, *given.train).hessian_product
        dense = np.array([product(unit) for unit in np.eye(given.net.size)])
        assert found["frobenius"][member] == pytest.approx(np.sqrt(np.sum(dense**2)), rel=1e-3)
        way = np.sqrt(np.sum((theta - given.theta[member]) ** 2))
        assert found["distance"][member] == pytest.approx(way, rel=1e-5)


def test_rows_of_the_table_differ_in_what_they_are_named_by(tiny):
    bench = tiny()
    ends = [table.columns(bench, "cross_entropy", row)["loss"] for row in table.ROWS]
    assert len({end.tobytes() for end in ends}) == len({row.name for row in table.ROWS}) == 9


@pytest.mark.skipif(not Path("/usr/share/datasets/fashion-mnist").exists(), reason="no data")
def test_with_full_effort_nudged_sgd_learns_clothing_by_the_paper_s_loss(tiny, monkeypatch):
    monkeypatch.setitem(EFFORTS, "tiny", replace(TINY, clothing=True))
    monkeypatch.setattr(runs, "CLOTHES", 128)
    bench = tiny()
    for loss, inputs in {"cross_entropy": 14 * 14, "squared_error": 8 * 8}.items():
        assert runs.nudged_problem(bench, loss).train[0].shape == (128, inputs)


def test_where_there_is_no_clothing_nudged_sgd_is_open(tiny, monkeypatch):
    def missing():
        raise InputError("fashion-mnist must be somewhere")

    monkeypatch.setitem(EFFORTS, "tiny", replace(TINY, clothing=True))
    monkeypatch.setattr("catapult_sim.experiments.bench._raw_clothing", missing)
    assert judge(one("cross_entropy.nudged.0.1.sharper"), tiny()).verdict is Verdict.OPEN


RISE_AND_FALL = np.r_[np.linspace(1, 10, 20), np.linspace(10, 3, 21)]


@pytest.mark.parametrize(
    ("name", "curvature", "expected"),
    [
        ("growth", RISE_AND_FALL, GOOD),
        ("growth", RISE_AND_FALL[::-1], GOOD),
        ("growth", np.linspace(10, 1, 41), BAD),
        ("peak", RISE_AND_FALL, GOOD),
        ("peak", np.r_[np.linspace(1, 10, 20), np.full(21, 9.9)], GOOD),
        ("peak", np.linspace(1, 10, 41), BAD),
        ("peak", np.full(41, np.nan), OPEN),
    ],
)
def test_growth_and_peak(monkeypatch, name, curvature, expected):
    name = f"cross_entropy.{name}"
    assert verdict_of(monkeypatch, name, "grid", lambda *key: made_up(curvature)) in expected


@pytest.mark.parametrize("larger_is_lower", [True, False])
def test_peaks_are_compared_by_learning_rate_and_batch_size(monkeypatch, larger_is_lower):
    def by_rate(rate, size):
        return made_up(RISE_AND_FALL * 2.0 ** (-rate if larger_is_lower else rate))

    def by_size(rate, size):
        return made_up(RISE_AND_FALL * (size if larger_is_lower else 1 / size))

    expected = GOOD if larger_is_lower else BAD
    for name in ("rate.0.03", "rate.0.1"):
        found = verdict_of(monkeypatch, f"cross_entropy.{name}", "grid", by_rate)
        assert found in expected
    for name in ("batch.8", "batch.32"):
        assert verdict_of(monkeypatch, f"squared_error.{name}", "grid", by_size) in expected


def test_a_spike_alone_is_no_peak(monkeypatch):
    def found(rate, size):
        if rate < 2:
            return made_up(RISE_AND_FALL)
        return made_up(np.r_[RISE_AND_FALL[:35] / 2, 15.0, RISE_AND_FALL[36:] / 2])

    spiked = measured(monkeypatch, "cross_entropy.rate.0.1-spike", "grid", found)
    assert spiked.value == pytest.approx(np.log(15 / 10))
    assert verdict_of(monkeypatch, "cross_entropy.rate.0.1", "grid", found) in GOOD


def nudged_run(faster, sharper, accuracy=0.9):
    loss = np.exp(-np.arange(26) * (0.2 if faster else 0.1))
    return made_up(np.full(26, 8.0 if sharper else 4.0), loss, accuracy)


@pytest.mark.parametrize(
    ("name", "nudged", "sgd", "expected"),
    [
        ("0.1.faster", (True, False), (False, False), GOOD),
        ("0.1.faster", (False, False), (True, False), BAD),
        ("0.01.sharper", (False, True), (False, False), GOOD),
        ("0.01.sharper", (False, False), (False, True), BAD),
        ("5.flatter", (False, False), (False, True), GOOD),
        ("0.1.accuracy", (True, True, 0.9), (True, True, 0.905), GOOD),
        ("0.1.accuracy", (True, True, 0.8), (True, True, 0.9), BAD),
    ],
)
def test_nudged_sgd_is_compared_with_sgd(monkeypatch, name, nudged, sgd, expected):
    def found(gamma):
        return nudged_run(*(sgd if gamma == 1 else nudged))

    assert verdict_of(monkeypatch, f"squared_error.nudged.{name}", "nudged", found) in expected


def test_how_much_sharper_nudged_sgd_ends_is_measured_in_decades(monkeypatch):
    def found(gamma):
        return nudged_run(False, gamma == 0.01)

    name = "squared_error.nudged.0.01.tenfold"
    assert measured(monkeypatch, name, "nudged", found).value == pytest.approx(np.log10(2))


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("only", (4.0, 0.95), 0.1),
        ("without", (4.0, 0.5), 1.0),
        ("without-curvature", (8.0, 0.5), np.log(2)),
        ("double-curvature", (2.0, 0.5), -np.log(2)),
    ],
)
def test_parts_of_the_step_are_compared_with_the_whole(monkeypatch, name, row, expected):
    def found(kind):
        curvature, end = (4.0, 0.5) if kind == "normal" else row
        return made_up(np.full(5, curvature), np.linspace(1, end, 5))

    seen = measured(monkeypatch, f"cross_entropy.escape.{name}", "escape", found)
    assert seen.value == pytest.approx(expected)


def looked(whole, quarter, cosine=0.3, seeds=4, points=5):
    """What a step and parts of it do, the quadratic agreeing."""
    spread = 1 + 0.02 * np.linspace(-1, 1, seeds)

    def response(factor):
        rows = np.arange(1, 6)[:, None]  # e_1, e_2, e_3, a random direction, the whole step
        change = factor * rows * np.array([[quarter, quarter, whole, 2 * whole, 4 * whole]])
        scales = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
        return SimpleNamespace(scales=scales, change=change, predicted=change)

    def look(factor):
        cosines, made_up = np.full(3, cosine * factor), object.__new__(runs.Look)
        known = {"first": response(factor), "response": response(factor), "random": 0.01}
        vars(made_up).update(known, batch=cosines, full=cosines)
        return made_up

    return [[look(factor)] * points for factor in spread]


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("step.whole", looked(0.1, -0.02), GOOD),
        ("step.whole", looked(-0.1, -0.02), BAD),
        ("step.quarter", looked(0.1, -0.02), GOOD),
        ("step.quarter", looked(0.1, 0.02), BAD),
        ("alignment.batch", looked(0.1, -0.02), GOOD),
        ("alignment.full", looked(0.1, -0.02, cosine=0.05), BAD),
    ],
)
def test_steps_along_the_sharpest_direction(monkeypatch, name, found, expected):
    assert verdict_of(monkeypatch, f"cross_entropy.{name}", "looks", lambda: found) in expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("double", 0.2), ("fourfold", 0.4), ("third", 0.3), ("random", 0.4), ("all", 0.5)],
)
def test_longer_steps_and_other_directions_are_measured(monkeypatch, name, expected):
    found = measured(monkeypatch, f"cross_entropy.step.{name}", "looks", lambda: looked(0.1, -0.02))
    assert found.value == pytest.approx(expected)


@pytest.mark.parametrize(("bend", "known"), [(0.02, True), (1e-3, False)])
def test_the_valley_is_as_wide_as_its_parabola_on_the_farther_side(monkeypatch, bend, known):
    k = np.array([-16.0, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16])

    def look(factor):
        heights = 1 + factor * bend * k**2 * np.where(k > 0, 4, 1)  # steeper ahead
        sections = CrossSections(k, np.ones(1), heights[None])
        return SimpleNamespace(sections=sections)

    found = measured(
        monkeypatch,
        "cross_entropy.step.width-1.5",
        "looks",
        lambda: [[look(factor)] * 3 for factor in (0.9, 1.0, 1.1)],
    )
    # Behind, 0.02 * 8^2 exceeds 1/2 first; a bend of 1e-3 does not up to 16.
    assert (found.value, found.at_least) == ((3, False) if known else (4, True))


def test_the_peak_is_compared_with_the_learning_rate(monkeypatch):
    unit = SimpleNamespace(unit=np.array([0.1, 0.2, 0.4, 0.8]))
    monkeypatch.setattr(runs, "problem", lambda bench, loss: unit)
    found = measured(
        monkeypatch, "cross_entropy.rate.0.03-edge", "grid", lambda rate: made_up(np.full(20, 4.0))
    )
    expected = np.log2(0.03 * 4 * unit.unit * (1 + 0.02 * np.linspace(-1, 1, 4))).mean()
    assert found.value == pytest.approx(expected)


# Closed forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", claims.select([f"{GROUP}.exact"]), ids=lambda c: c.id)
def test_the_closed_forms_are_confirmed_for_another_seed(claim):
    assert judge(claim, Bench(5)).verdict in GOOD


def test_a_wrong_nudge_is_refuted(monkeypatch):
    nudge = exact.nudge
    monkeypatch.setattr(exact, "nudge", lambda step, vectors, gamma: nudge(step, vectors, -gamma))
    assert judge(one("exact.nudge"), Bench(0)).verdict in BAD


@pytest.mark.parametrize("name", ["quadratic", "linear-network"])
def test_a_response_to_a_step_of_another_length_is_refuted(monkeypatch, name):
    respond = exact.step_response

    def longer(loss, theta, steps, *rest, **options):
        return respond(loss, theta, 1.0001 * steps, *rest, **options)

    monkeypatch.setattr(exact, "step_response", longer)
    assert judge(one(f"exact.{name}"), Bench(0)).verdict in BAD


# Real runs ------------------------------------------------------------------------------------


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(EFFORTS, "tiny", TINY)
    short = {loss: runs.Recipe(0.8, (0.02, 0.06, 0.2), 0.96) for loss in runs.RECIPES}
    for name, value in {
        "SAMPLES": 128,
        "HIDDEN": (4, 4),
        "POINTS": 4,
        "RECIPES": short,
        "ESCAPE_EPOCHS": 2,
    }.items():
        monkeypatch.setattr(runs, name, value)
    return lambda seed=0, data=None: Bench(seed, "tiny", data)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_every_claim_measures_networks_on_digits(tiny, loss):
    bench = tiny()
    for claim in claims.select([f"{GROUP}.{loss}"]):
        found = judge(claim, bench).measured
        halves = claim.id.endswith("faster")  # so short a run does not halve its loss
        assert (found.n, np.isfinite(found.value)) == ((0, False) if halves else (2, True)), (
            claim.id
        )


def test_gamma_one_is_the_run_of_sgd_bit_for_bit(tiny, monkeypatch):
    monkeypatch.setitem(runs.RECIPES, "squared_error", runs.Recipe(0.96, (0.02, 0.06, 0.2), 0.96))
    bench = tiny()
    sgd, nudged = runs.grid(bench, "squared_error"), runs.nudged(bench, "squared_error", 1.0)
    assert sgd.state.tobytes() == nudged.state.tobytes()
    assert not np.array_equal(sgd.state, runs.nudged(bench, "squared_error", 0.1).state)


def test_an_escape_starts_from_about_the_peak(tiny):
    bench = tiny()
    start = runs.grid(bench, "cross_entropy").values["loss"]
    rows = [runs.escape(bench, "cross_entropy", name) for name in ("normal", "all but e1")]
    for row in rows:
        np.testing.assert_array_equal(row.values["loss"][0], start[2])
    assert not np.array_equal(rows[0].state, rows[1].state)


def test_learning_rates_are_in_units_of_the_curvature_of_every_network_at_its_start(tiny):
    given = runs.problem(tiny(), "cross_entropy")
    for theta, unit in zip(given.theta.astype(float), given.unit, strict=True):
        product = given.net.at(theta, *given.train).hessian_product
        dense = np.array([product(direction) for direction in np.eye(given.net.size)])
        assert unit * np.linalg.eigvalsh(dense)[-1] == pytest.approx(1, rel=1e-2)
    assert np.ptp(given.unit) > 0.01 * given.unit.mean()


def test_runs_of_a_grid_have_equal_time(tiny):
    bench = tiny()
    for i, rate in enumerate((0.02, 0.06, 0.2)):
        step = runs.grid(bench, "cross_entropy", i).step
        assert rate * step[-1] == pytest.approx(0.8, abs=rate * 4)


def test_data_that_do_not_allow_it_are_inconclusive(tiny, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("\n".join(f"{i},{i % 3},{i % 2}" for i in range(40)))
    for claim in claims.select([f"{GROUP}.cross_entropy", f"{GROUP}.squared_error"]):
        assert judge(claim, tiny(data=path)).verdict in {Verdict.OPEN, Verdict.MEASURED}, claim.id
