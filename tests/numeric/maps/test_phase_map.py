"""The phase map, against a plain loop, exact orbits and the theorem's boundaries."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

from catapult_sim.numeric.maps import phase_map, phase_map_numba, phase_map_numpy
from catapult_sim.numeric.runs.iterate import iterate
from catapult_sim.numeric.runs.phases import Phase, classify
from catapult_sim.symbolic import linear_net
from catapult_sim.validation import InputError

VOICES = {"in_place": phase_map_numpy.in_place, "compiled": phase_map_numba.compiled}


@pytest.fixture(params=list(VOICES))
def voice(request, monkeypatch):
    if request.param == "compiled":
        pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    monkeypatch.setattr(phase_map, "_voice", lambda work: VOICES[request.param]())
    return request.param


def grid(cells, seed=0):
    """Physical cells of all phases, with labels and without."""
    rng = np.random.default_rng(seed)
    Lam = rng.uniform(0.1, 5, cells)
    F = Lam / 2 * rng.uniform(-1, 1, cells) * 10 ** rng.uniform(-6, 0, cells)
    return F, Lam, np.where(rng.random(cells) < 0.5, 0, rng.uniform(-1.5, 1.5, cells))


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
    found = phase_map.phase_map(*cells, steps=steps)
    expected = [by_hand(*cell, steps, 1e-3, every) for cell in np.transpose(cells).tolist()]
    np.testing.assert_array_equal(found.phase, [phase for phase, _, _ in expected])
    np.testing.assert_array_equal(found.steps, [taken for _, taken, _ in expected])
    peaks = np.array([peak for _, _, peak in expected])
    np.testing.assert_allclose(found.peak_loss, peaks, rtol=1e-9)


def test_every_phase_occurs_in_the_cells_that_are_compared():
    assert set(phase_map.phase_map(*grid(400), steps=60).phase) == set(Phase)


def test_the_voices_agree_bit_for_bit():
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    cells, found = grid(30_000), []
    for run in (phase_map_numpy.in_place(), phase_map_numba.compiled()):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(phase_map, "_voice", lambda work, run=run: run)
            found.append(phase_map.phase_map(*cells, steps=200))
    for name, array in vars(found[0]).items():
        np.testing.assert_array_equal(array, getattr(found[1], name))


def test_results_do_not_depend_on_blocks_or_on_the_order_of_cells(voice, monkeypatch):
    cells, order = grid(3000), np.random.default_rng(1).permutation(3000)
    expected = phase_map.phase_map(*cells, steps=200)
    monkeypatch.setattr(phase_map_numpy, "LANES", 97)
    monkeypatch.setattr(phase_map_numba, "CHUNK", 1001)
    found = phase_map.phase_map(*(values[order] for values in cells), steps=200)
    for name, array in vars(found).items():
        np.testing.assert_array_equal(array, getattr(expected, name)[order])


def test_broadcast_arrays_give_the_map_of_the_written_out_ones(voice):
    F, Lam = np.geomspace(1e-4, 0.5, 30)[:, None], np.linspace(0.1, 5, 40)
    found = phase_map.phase_map(F, Lam, 0.3)
    whole = phase_map.phase_map(*(a.copy() for a in np.broadcast_arrays(F, Lam, 0.3)))
    assert found.phase.shape == (30, 40)
    for name, array in vars(found).items():
        np.testing.assert_array_equal(array, getattr(whole, name))


def test_classes_are_those_of_an_observed_run(voice):
    F, Lam, Y = grid(2000, seed=3)
    run = iterate(linear_net.residual_map(), np.stack([F - Y, Lam], axis=-1), Y=Y, steps=400)
    found, expected = phase_map.phase_map(F, Lam, Y, steps=400).phase, classify(run)
    # A loss that is small at the last step by accident counts for the observed run alone.
    decided = found != Phase.UNDECIDED
    np.testing.assert_array_equal(found[decided], expected[decided])
    assert (expected[~decided] != Phase.DIVERGENT).all()
    assert decided.mean() > 0.5


def test_without_a_label_the_last_boundary_is_exactly_four(voice):
    F = np.random.default_rng(0).uniform(-1, 1, 20_000)
    below = phase_map.phase_map(F, np.full_like(F, np.nextafter(4, 0)), steps=2000)
    beyond = phase_map.phase_map(F, np.full_like(F, np.nextafter(4, 5)), steps=2000)
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
    below = phase_map.phase_map((D + Y)[physical], (edge - distance)[physical], Y[physical])
    beyond = phase_map.phase_map(D + Y, edge + distance, Y)
    assert physical.any()
    assert not (below.phase == Phase.DIVERGENT).any()
    assert (beyond.phase == Phase.DIVERGENT).all()


def test_at_four_the_orbit_is_bounded_and_triples_an_angle(voice):
    angle = np.linspace(0.05, 1.5, 50)
    found = phase_map.phase_map(2 * np.sin(angle), 4.0, steps=10)
    tripled = 4 * np.sin(3.0 ** np.arange(11)[:, None] * angle) ** 2
    np.testing.assert_allclose(found.peak_loss, tripled.max(axis=0) / 2, rtol=1e-8)
    np.testing.assert_array_equal(found.curvature, 4)
    assert (found.phase == Phase.UNDECIDED).all()


def test_the_loss_rises_at_once_iff_the_rate_exceeds_two_plus_the_finite_width_shift(voice):
    F = np.array([0.05, 0.2, 0.4])
    shift = 2 + F**2
    assert (phase_map.phase_map(F, shift * (1 - 1e-9)).phase == Phase.LAZY).all()
    assert (phase_map.phase_map(F, shift * (1 + 1e-9)).phase == Phase.CATAPULT).all()


def test_the_final_curvature_obeys_the_multiplicative_law(voice):
    F, Lam = np.array([0.3, 0.05, 0.01]), np.array([1.2, 2.5, 2.8])
    found = phase_map.phase_map(F, Lam, settled=1e-28)
    for i in range(3):
        s, curvature, invariant = F[i] ** 2, Lam[i], Lam[i] ** 2 - 4 * F[i] ** 2
        for _ in range(found.steps[i]):
            invariant *= (1 - s) ** 2
            s, curvature = s * (1 - curvature + s) ** 2, curvature + s * (curvature - 4)
        np.testing.assert_allclose(found.curvature[i], math.sqrt(invariant), rtol=1e-12)


def test_a_network_that_starts_at_a_minimum_stays(voice):
    found = phase_map.phase_map(0.5, [1.5, 3.0], 0.5)
    assert (found.phase == Phase.LAZY).all()
    np.testing.assert_array_equal(found.steps, 0)
    np.testing.assert_array_equal(found.curvature, [1.5, 3.0])


def test_beyond_label_one_no_minimum_attracts(voice):
    rng = np.random.default_rng(0)
    F = rng.uniform(0, 1.5, 500)
    found = phase_map.phase_map(F, 2 * F + rng.uniform(0, 0.5, 500), rng.uniform(1, 1.2, 500))
    assert set(found.phase) <= {Phase.UNDECIDED, Phase.DIVERGENT}
    assert (found.phase == Phase.UNDECIDED).mean() > 0.5


def test_extreme_cells_are_data(voice):
    found = phase_map.phase_map([1e-200, 1e200, -1e-300, 0.0], [2.5, 1e201, 1.0, 0.0], steps=2000)
    assert list(found.phase) == [Phase.CATAPULT, Phase.DIVERGENT, Phase.LAZY, Phase.LAZY]
    assert found.peak_loss[1] == found.curvature[1] == np.inf


def test_progress_is_told_of_every_cell_once(voice, monkeypatch):
    monkeypatch.setattr(phase_map_numpy, "LANES", 97)
    monkeypatch.setattr(phase_map_numba, "CHUNK", 1001)
    told = []
    phase_map.phase_map(*grid(3000), steps=60, progress=told.append)
    assert sum(told) == 3000
    assert len(told) > 2


def test_an_empty_map_is_empty(voice):
    assert phase_map.phase_map(np.ones((0, 3)), 1.0).phase.shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, math.nan], 1.0), "F0 must be finite; got nan"),
        ((1.0, math.inf), "Lam0 must be finite; got inf"),
        ((np.ones(2), np.ones(3)), r"must broadcast; got shapes \(2,\), \(3,\), \(\)"),
    ],
)
def test_cells_that_are_no_numbers_or_do_not_fit_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        phase_map.phase_map(*arguments)


@pytest.mark.parametrize("options", [{"steps": 0}, {"settled": 1.0}, {"settled": 0.0}])
def test_impossible_options_are_refused(options):
    (name,) = options
    with pytest.raises(InputError, match=f"{name} must be"):
        phase_map.phase_map(0.1, 1.0, **options)


def test_large_maps_are_compiled_where_numba_is_installed(monkeypatch):
    pytest.importorskip("numba", reason="the extra 'fast' is not installed")
    assert phase_map._voice(10**12) is phase_map_numba.compiled()
    assert phase_map._voice(10**6) is phase_map_numpy.in_place()
    phase_map_numba.compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    assert phase_map._voice(10**12) is phase_map_numpy.in_place()


def test_importing_it_imports_neither_sympy_nor_numba():
    names = "phase_map", "attractor"
    lines = [f"import catapult_sim.numeric.maps.{name}" for name in names]
    check = "import sys; assert not {'sympy', 'numba'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", "; ".join([*lines, check])], check=True)
