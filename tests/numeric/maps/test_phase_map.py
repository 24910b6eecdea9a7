"""The phase map, against a plain loop, exact orbits and the theorem's boundaries."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

from catapult_sim.numeric.maps import phase_map, phase_map_numba, phase_map_numpy, phase_rules
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.symbolic import Update, linear_net
from catapult_sim.validation import InputError

RESIDUAL = linear_net.residual_map()
VOICES = {"in_place": phase_map_numpy.in_place, "compiled": phase_map_numba.compiled}


@pytest.fixture(params=list(VOICES))
def voice(request, monkeypatch):
    if request.param == "compiled":
        pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    monkeypatch.setattr(phase_map, "_voice", lambda model, work: VOICES[request.param](model))
    return request.param


def phases(F, Lam, Y=0.0, **options):
    """The phase map of one sample, in output, curvature and label."""
    D = np.subtract(F, Y)
    return phase_map.phase_map(RESIDUAL, D=D, Lam=Lam, Y=Y, **options)


def flat(found):
    return {name: getattr(found, name) for name in ("phase", "steps", "peak_loss")} | found.state


def grid(cells, seed=0):
    """Physical cells of all phases, with labels and without."""
    rng = np.random.default_rng(seed)
    Lam = rng.uniform(0.1, 5, cells)
    F = Lam / 2 * rng.uniform(-1, 1, cells) * 10 ** rng.uniform(-6, 0, cells)
    return F, Lam, np.where(rng.random(cells) < 0.5, 0, rng.uniform(-1.5, 1.5, cells))


def test_a_minimum_attracts_by_its_curvature_also_in_the_distance_from_the_edge():
    D, Lam, Y = np.random.default_rng(1).uniform(-2, 3, (3, 1000))
    distance = Lam - (4 + Y * D)
    np.testing.assert_array_equal(
        phase_rules.a_minimum_attracts(np.stack([D, distance, Y])), Lam < 2 - 2 * abs(D)
    )


def by_hand(F, Lam, Y, steps, settled, every):
    """Write the definitions out for one cell, examined at multiples of a step."""
    sizes, came_down = [abs(F - Y)], False
    level = math.sqrt(settled) * sizes[0]
    for t in range(1, steps + 1):
        D = F - Y
        F, Lam = Y + D * (1 - Lam + F * D), Lam + D * (Lam * D - 4 * F)
        sizes.append(abs(F - Y))
        came_down = sizes[-1] <= level and Lam < 2 - 2 * sizes[-1]
        if came_down and t % every == 0:
            break
    if not math.isfinite(sizes[-1]):
        return Phase.DIVERGENT, sum(size > level for size in sizes), math.inf
    down = Phase.CATAPULT if max(sizes) > sizes[0] else Phase.LAZY
    taken = sum(size > level for size in sizes) if came_down else steps
    return down if came_down else Phase.UNDECIDED, taken, max(sizes) * max(sizes) / 2


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (7, 7), (60, 20), (199, 1)])
def test_cells_are_what_a_plain_loop_says(voice, steps, every):
    cells = grid(400)
    found = phases(*cells, steps=steps)
    expected = [by_hand(*cell, steps, 1e-3, every) for cell in np.transpose(cells).tolist()]
    np.testing.assert_array_equal(found.phase, [phase for phase, _, _ in expected])
    np.testing.assert_array_equal(found.steps, [taken for _, taken, _ in expected])
    peaks = np.array([peak for _, _, peak in expected])
    np.testing.assert_allclose(found.peak_loss, peaks, rtol=1e-9)


def test_every_phase_occurs_in_the_cells_that_are_compared():
    assert set(phases(*grid(400), steps=60).phase) == set(Phase)


def test_the_voices_agree_bit_for_bit():
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    cells, found = grid(30_000), []
    for voice in VOICES.values():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(phase_map, "_voice", lambda model, work, voice=voice: voice(model))
            found.append(phases(*cells, steps=200))
    for name, array in flat(found[0]).items():
        np.testing.assert_array_equal(array, flat(found[1])[name])


def test_results_do_not_depend_on_blocks_or_on_the_order_of_cells(voice, monkeypatch):
    cells, order = grid(3000), np.random.default_rng(1).permutation(3000)
    expected = phases(*cells, steps=200)
    monkeypatch.setattr(phase_map_numpy, "SLOTS", 97)
    monkeypatch.setattr(phase_map_numba, "CHUNK", 1001)
    found = phases(*(values[order] for values in cells), steps=200)
    for name, array in flat(found).items():
        np.testing.assert_array_equal(array, flat(expected)[name][order])


def test_broadcast_arrays_give_the_map_of_the_written_out_ones(voice):
    F, Lam = np.geomspace(1e-4, 0.5, 30)[:, None], np.linspace(0.1, 5, 40)
    found = phases(F, Lam, 0.3)
    whole = phases(*(a.copy() for a in np.broadcast_arrays(F, Lam, 0.3)))
    assert found.phase.shape == (30, 40)
    for name, array in flat(found).items():
        np.testing.assert_array_equal(array, flat(whole)[name])


def test_classes_are_those_of_an_observed_run(voice):
    F, Lam, Y = grid(2000, seed=3)
    run = iterate(linear_net.residual_map(), np.stack([F - Y, Lam], axis=-1), Y=Y, steps=400)
    found, expected = phases(F, Lam, Y, steps=400).phase, classify(run)
    # A loss that is small at the last step by accident counts for the observed run alone.
    decided = found != Phase.UNDECIDED
    np.testing.assert_array_equal(found[decided], expected[decided])
    assert (expected[~decided] != Phase.DIVERGENT).all()
    assert decided.mean() > 0.5


def test_without_a_label_the_last_boundary_is_exactly_four(voice):
    F = np.random.default_rng(0).uniform(-1, 1, 20_000)
    below = phases(F, np.full_like(F, np.nextafter(4, 0)), steps=2000)
    beyond = phases(F, np.full_like(F, np.nextafter(4, 5)), steps=2000)
    assert not (below.phase == Phase.DIVERGENT).any()
    assert (beyond.phase == Phase.DIVERGENT).all()


def test_with_a_label_no_orbit_crosses_a_line():
    rule = linear_net.residual_map().inline()
    (D, Lam), (Y,) = rule.state, rule.parameters
    following = dict(zip((D, Lam), rule.next, strict=True))
    height = Lam - 4 - Y * D
    factor = sp.cancel(height.subs(following, simultaneous=True) / height)
    # 1 + F D, at least 1 - Y^2 / 4.
    assert sp.expand(factor - 1 - (D + Y) * D) == 0
    # D = 2 cos(theta) triples theta.
    on_the_line = sp.expand(rule.next[0].subs(Lam, 4 + Y * D))
    assert sp.expand(on_the_line - 2 * sp.chebyshevt(3, D / 2)) == 0


@pytest.mark.parametrize("distance", [1e-6, 1e-2, 1])
def test_with_a_label_the_last_boundary_is_exactly_that_line(voice, distance):
    rng = np.random.default_rng(0)
    Y, D = rng.uniform(-1.99, 1.99, 20_000), rng.uniform(-1.99, 1.99, 20_000)
    edge = 4 + Y * D
    physical = edge - distance > 2 * abs(D + Y)
    below = phases((D + Y)[physical], (edge - distance)[physical], Y[physical])
    beyond = phases(D + Y, edge + distance, Y)
    assert physical.any()
    assert not (below.phase == Phase.DIVERGENT).any()
    assert (beyond.phase == Phase.DIVERGENT).all()


def test_at_four_the_orbit_is_bounded_and_triples_an_angle(voice):
    angle = np.linspace(0.05, 1.5, 50)
    found = phases(2 * np.sin(angle), 4.0, steps=10)
    tripled = 4 * np.sin(3.0 ** np.arange(11)[:, None] * angle) ** 2
    np.testing.assert_allclose(found.peak_loss, tripled.max(axis=0) / 2, rtol=1e-8)
    np.testing.assert_array_equal(found.state["Lam"], 4)
    assert (found.phase == Phase.UNDECIDED).all()


def test_the_loss_rises_at_once_iff_the_rate_exceeds_two_plus_the_finite_width_shift(voice):
    F = np.array([0.05, 0.2, 0.4])
    shift = 2 + F**2
    assert (phases(F, shift * (1 - 1e-9)).phase == Phase.LAZY).all()
    assert (phases(F, shift * (1 + 1e-9)).phase == Phase.CATAPULT).all()


def test_the_final_curvature_obeys_the_multiplicative_law(voice):
    F, Lam = np.array([0.3, 0.05, 0.01]), np.array([1.2, 2.5, 2.8])
    found = phases(F, Lam, settled=1e-28)
    for i in range(3):
        s, curvature, invariant = F[i] ** 2, Lam[i], Lam[i] ** 2 - 4 * F[i] ** 2
        for _ in range(found.steps[i]):
            invariant *= (1 - s) ** 2
            s, curvature = s * (1 - curvature + s) ** 2, curvature + s * (curvature - 4)
        np.testing.assert_allclose(found.state["Lam"][i], math.sqrt(invariant), rtol=1e-12)


def test_a_network_that_starts_at_a_minimum_stays(voice):
    found = phases(0.5, [1.5, 3.0], 0.5)
    assert (found.phase == Phase.LAZY).all()
    np.testing.assert_array_equal(found.steps, 0)
    np.testing.assert_array_equal(found.state["Lam"], [1.5, 3.0])


def test_beyond_label_one_no_minimum_attracts(voice):
    rng = np.random.default_rng(0)
    F = rng.uniform(0, 1.5, 500)
    found = phases(F, 2 * F + rng.uniform(0, 0.5, 500), rng.uniform(1, 1.2, 500))
    assert set(found.phase) <= {Phase.UNDECIDED, Phase.DIVERGENT}
    assert (found.phase == Phase.UNDECIDED).mean() > 0.5


def test_extreme_cells_are_data(voice):
    found = phases([1e-200, 1e200, -1e-300, 0.0], [2.5, 1e201, 1.0, 0.0], steps=2000)
    assert list(found.phase) == [Phase.CATAPULT, Phase.DIVERGENT, Phase.LAZY, Phase.LAZY]
    assert found.peak_loss[1] == found.state["Lam"][1] == np.inf


def test_progress_is_told_of_every_cell_once(voice, monkeypatch):
    monkeypatch.setattr(phase_map_numpy, "SLOTS", 97)
    monkeypatch.setattr(phase_map_numba, "CHUNK", 1001)
    told = []
    phases(*grid(3000), steps=60, progress=told.append)
    assert sum(told) == 3000
    assert len(told) > 2


def test_an_empty_map_is_empty(voice):
    assert phases(np.ones((0, 3)), 1.0).phase.shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, math.nan], 1.0), "D must be finite; got nan"),
        ((1.0, math.inf), "Lam must be finite; got inf"),
        ((np.ones(2), np.ones(3)), r"D, Lam, Y must broadcast; got shapes \(2,\), \(3,\), \(\)"),
    ],
)
def test_cells_that_are_no_numbers_or_do_not_fit_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        phases(*arguments)


@pytest.mark.parametrize("options", [{"steps": 0}, {"settled": 1.0}, {"settled": 0.0}])
def test_impossible_options_are_refused(options):
    (name,) = options
    with pytest.raises(InputError, match=f"{name} must be"):
        phases(0.1, 1.0, **options)


def test_large_maps_are_compiled_where_numba_is_installed(monkeypatch):
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    model = phase_rules.one_sample()
    assert phase_map._voice(model, 10**12) is phase_map_numba.compiled(model)
    assert phase_map._voice(model, 10**6) is phase_map_numpy.in_place(model)
    phase_map_numba.compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    assert phase_map._voice(model, 10**12) is phase_map_numpy.in_place(model)


def test_a_rule_in_other_units_has_the_same_phases(voice):
    F, Lam, Y = grid(2000, seed=5)
    n, eta = 100.0, 0.5
    f, y = F * np.sqrt(n) / eta, Y * np.sqrt(n) / eta
    rule = linear_net.sample_map(label=linear_net.y)
    found = phase_map.phase_map(rule, f=f, lam=Lam / eta, learning_rate=eta, n=n, y=y, steps=400)
    expected = phases(F, Lam, Y, steps=400)
    assert (found.phase == expected.phase).mean() > 0.995
    assert (found.phase[expected.phase == Phase.UNDECIDED] != Phase.DIVERGENT).all()
    both = (found.phase == expected.phase) & (found.steps == expected.steps)
    settled = both & np.isin(found.phase, [Phase.LAZY, Phase.CATAPULT])
    peaks = eta**2 / n * found.peak_loss[settled]
    np.testing.assert_allclose(peaks, expected.peak_loss[settled], rtol=1e-6)
    assert settled.mean() > 0.5


def chain_by_hand(w, rate, steps, settled, every):
    """Gradient descent on a chain of three factors, its gradient written out."""
    losses = [(w.prod() - 1) ** 2 / 2]
    for t in range(1, steps + 1):
        w = w - rate * (w.prod() - 1) * np.roll(w, 1) * np.roll(w, 2)
        losses.append((w.prod() - 1) ** 2 / 2)
        if max(losses[-every - 1 :]) <= settled * losses[0] and t % every == 0:
            return (Phase.CATAPULT if max(losses) > losses[0] else Phase.LAZY), max(losses)
        if not losses[-1] < math.inf and t % every == 0:
            return Phase.DIVERGENT, math.inf
    return Phase.UNDECIDED, max(losses)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered")
def test_a_chain_of_three_factors_has_the_phases_of_gradient_descent_by_hand(voice):
    a, b, c = sp.symbols("a b c")
    rule = Update.descent((a * b * c - 1) ** 2 / 2, [a, b, c])
    rng = np.random.default_rng(2)
    start, rates = rng.uniform(0.5, 2, (300, 3)), rng.uniform(0.02, 0.8, 300)
    named = dict(zip("abc", start.T, strict=True))
    found = phase_map.phase_map(rule, **named, learning_rate=rates, steps=200)
    expected = [chain_by_hand(*cell, 200, 1e-3, 20) for cell in zip(start, rates, strict=True)]
    np.testing.assert_array_equal(found.phase, [phase for phase, _ in expected])
    # Chaos would magnify what rounds differently: there peaks are not compared.
    calm = np.isin(found.phase, [Phase.LAZY, Phase.CATAPULT])
    peaks = np.array([peak for _, peak in expected])
    np.testing.assert_allclose(found.peak_loss[calm], peaks[calm], rtol=1e-6)
    assert set(found.phase) == set(Phase)
    ends = np.prod(list(found.state.values()), axis=0)
    assert (abs(ends[calm] - 1) < 0.3).all()


@pytest.mark.parametrize("steps", [1000, 199, 40, 7, 2])
def test_an_orbit_that_passes_near_a_minimum_has_not_converged(voice, steps):
    a, b = sp.symbols("a b")
    rule = Update.descent((a * b - 1) ** 2 / 2, [a, b])
    # Minima have the curvature a^2 + b^2 >= 2, so that none attracts beyond a rate of 1.
    rates = np.linspace(1.2, 1.9, 500)
    found = phase_map.phase_map(rule, a=0.4, b=0.3, learning_rate=rates, steps=steps)
    converged = np.isin(found.phase, [Phase.LAZY, Phase.CATAPULT])
    assert converged.mean() < (0.01 if steps >= 40 else 0.05)
    assert steps < 199 or not converged.any()


def test_elementwise_functions_have_phases_too(voice):
    x = sp.Symbol("x")
    rule = Update.descent(1 - 1 / sp.cosh(x), [x])
    found = phase_map.phase_map(rule, x=[0.5, 0.5], eta=[1.0, 2.5])
    assert found.phase.tolist() == [Phase.LAZY, Phase.UNDECIDED]


@pytest.mark.parametrize(
    ("loss", "cells", "message"),
    [
        (None, {"x": 1.0, "a": 1.0}, "logistic has no loss: give one as loss=; got none"),
        (sp.Symbol("z"), {"x": 1.0, "a": 1.0}, "loss must be an expression in .* got z besides"),
        ("x**2", {"x": 1.0, "a": 1.0}, "loss must be an expression in"),
        (sp.Symbol("x"), {"a": 1.0}, "logistic requires its variables x by name; got no x"),
        (sp.Symbol("x"), {"x": 1.0}, "logistic requires the 1 parameter a, .* got none"),
    ],
)
def test_what_a_rule_lacks_is_named(loss, cells, message):
    x, a = sp.symbols("x a")
    logistic = Update("logistic", (x,), (a,), (a * x * (1 - x),), "May 1976, eq. 3")
    with pytest.raises(InputError, match=message):
        phase_map.phase_map(logistic, loss=loss, **cells)


def test_importing_it_imports_neither_sympy_nor_numba():
    names = "phase_map", "attractor"
    lines = [f"import catapult_sim.numeric.maps.{name}" for name in names]
    check = "import sys; assert not {'sympy', 'numba'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", "; ".join([*lines, check])], check=True)
