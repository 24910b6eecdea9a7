"""The central flow, against closed forms, an integration with constraint, and gradient descent."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from catapult_sim.numeric.flows.central_flow import central_flow
from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.numeric.flows.surface import Surface
from catapult_sim.validation import InputError
from tests.numeric.flows.surfaces import DRIVE, driven, sliding


@pytest.mark.parametrize("exact", [True, False], ids=["third derivative", "differences"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_curvatures_rise_to_their_threshold_and_stay_there(k, exact):
    problem, rate, D = driven(k, exact), 0.5, DRIVE[:k, :k]
    diagonal = np.triu_indices(k)[0] == np.triu_indices(k)[1]
    start = np.concatenate([np.zeros(k), np.where(diagonal, 3.0, 0.0)])
    run = central_flow(problem.surface, problem.there(start), learning_rate=rate, steps=20)
    assert run.sharpness.max() < 4 + 1e-4
    assert run.sharpness[-1] == pytest.approx(4, abs=1e-6)
    assert run.directions[-1] == k
    assert run.directions[0] == 0
    assert run.spread[-1] == pytest.approx(2 * np.trace(D), rel=1e-5)
    assert run.mean_loss[-1] == pytest.approx(run.loss[-1] + 2 * np.trace(D) / rate, abs=1e-6)
    ends = problem.back(run.weights[-1])
    assert ends[:k] == pytest.approx(0, abs=1e-6)
    # M is 2 / eta times the identity: no eigenvalue may rise further, and none has left.
    assert ends[k:] == pytest.approx(np.where(diagonal, 4, 0), abs=1e-5)


def test_below_the_threshold_it_is_gradient_flow():
    problem = driven(2)
    start = np.array([0.0, 0.0, 1.0, 0.0, 1.5])
    run = central_flow(problem.surface, problem.there(start), learning_rate=0.5, steps=4)
    rising = start + run.step[:, None] * 0.5 * np.array([0, 0, 0.3, 0.2, 0.2])
    assert problem.back(run.weights) == pytest.approx(rising, abs=1e-9)
    assert (run.spread == 0).all()
    assert (run.mean_loss == run.loss).all()


def constrained(time):
    """Return x, z of the problem of sliding, from (0, 0.2), held by its constraint."""

    def free(_, w):
        return [(3 - w[0]) / 10, (1 - w[1]) / 5]

    def slid(_, w):
        velocity, normal = np.array(free(0, w)), np.array([1.0, w[1]])
        return velocity - max(0.0, velocity @ normal) * normal / (normal @ normal)

    def reached(_, w):
        return w[0] + w[1] ** 2 / 2 - 1

    reached.terminal = True
    options = {"rtol": 1e-11, "atol": 1e-12}
    first = solve_ivp(free, (0, time), [0.0, 0.2], events=reached, **options)
    return solve_ivp(slid, (first.t[-1], time), first.y[:, -1], **options).y[:, -1]


def test_it_slides_along_the_threshold_at_second_order():
    problem, start = sliding(), np.array([0.0, 0.2, 0.0])
    expected, errors, sizes = constrained(12.0), [], 2.0 ** -np.arange(5)
    for substeps in (1, 2, 4, 8, 16):
        run = central_flow(
            problem.surface, problem.there(start), learning_rate=1.0, steps=12, substeps=substeps
        )
        errors.append(np.linalg.norm(problem.back(run.weights[-1])[:2] - expected))
    assert errors[-1] < 1e-4
    assert convergence_order(sizes, errors).value == pytest.approx(2, abs=0.35)


def test_gradient_descent_oscillates_about_it():
    rate, drive = 0.5, 1e-3
    surface = Surface(
        lambda w: (2 + w[1]) * w[0] ** 2 / 2 - drive * w[1],
        lambda w: np.array([(2 + w[1]) * w[0], w[0] ** 2 / 2 - drive]),
        lambda w, v: np.array([(2 + w[1]) * v[0] + w[0] * v[1], w[0] * v[0]]),
    )
    # A cycle takes about 2 pi / (eta sqrt(2 drive)) = 281 steps.
    now, seen = np.array([0.03, 2.0]), []
    for _ in range(10 * 281):
        now = now - rate * surface.gradient(now)
        seen.append(now)
    weight, curvature = np.array(seen).T
    run = central_flow(surface, [0.0, 1.99], learning_rate=rate, steps=100, every=100)
    assert curvature.std() > 0.01
    assert curvature.mean() == pytest.approx(run.weights[-1, 1], abs=0.01)
    assert np.mean(weight**2) == pytest.approx(run.spread[-1], rel=0.02)


def test_a_start_beyond_the_threshold_is_led_back_to_it():
    problem = driven(2)
    start = np.array([0.0, 0.0, 5.0, 0.5, 4.5])
    run = central_flow(problem.surface, problem.there(start), learning_rate=0.5, steps=0)
    assert run.sharpness == pytest.approx([4], abs=1e-6)


def test_a_loss_without_third_derivative_cannot_be_held_back():
    surface = Surface(lambda w: 3 * w @ w, lambda w: 6 * w, lambda w, v: 6 * v)
    run = central_flow(surface, [1.0, 2.0], learning_rate=1.0, steps=3)
    assert np.isnan(run.weights).all()
    assert np.isnan(run.mean_loss).all()


def test_a_loss_that_diverges_gives_nan_from_there_on():
    surface = Surface(lambda w: -(w[0] ** 4), lambda w: -4 * w**3, lambda w, v: -12 * w**2 * v)
    run = central_flow(surface, [1.0], learning_rate=1.0, steps=6)
    assert np.isfinite(run.weights[0]).all()
    assert np.isnan(run.loss[-1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be finite and above 0; got 0.0"),
        ({"start": [1j, 0, 0]}, "start must be real; got complex weights"),
        ({"most_directions": 0}, "most_directions must be an integer of at least 1; got 0"),
        ({"substeps": 0}, "substeps must be an integer of at least 1; got 0"),
        ({"surface": abs}, "surface must be a Surface; got <built-in function abs>"),
        (
            {"most_directions": 2, "learning_rate": 0.5},
            "most_directions must be above 2 here, as so many eigenvalues of the Hessian come near "
            "2 / learning_rate; got 2",
        ),
        ({"memory_limit": 10}, "the path requires .* of memory"),
    ],
)
def test_what_it_cannot_take_it_says(given, message):
    problem = driven(3)
    start = problem.there(np.array([0, 0, 0, 3.9, 0, 0, 3.9, 0, 3.9]))
    valid = {"surface": problem.surface, "start": start, "learning_rate": 0.1, "steps": 2}
    with pytest.raises(InputError, match=message):
        central_flow(**valid | given)


def test_progress_is_told_step_by_step():
    told = []
    problem = driven(1)
    central_flow(
        problem.surface, np.zeros(2), learning_rate=0.5, steps=5, every=2, progress=told.append
    )
    assert told == [1] * 5
