"""Flows, against closed forms, against enumerated epochs, and by their orders of error."""

import subprocess
import sys

import numpy as np
import pytest

from catapult_sim.numeric.flows import flow as flows
from catapult_sim.numeric.flows.convergence import convergence_order
from catapult_sim.numeric.flows.epochs import draws, mean_epoch
from catapult_sim.numeric.flows.fields import numeric_field, principal_field
from catapult_sim.numeric.flows.flow import compare, flow
from catapult_sim.symbolic.backward_error import modified_field
from catapult_sim.validation import InputError
from tests.numeric.flows.problems import PROBLEMS, eps

STEP_SIZES = 0.1 * 2.0 ** -np.arange(0, 3, 0.5)


def descent(problem):
    """Gradient descent on the mean loss: an epoch of one step."""
    gradients = problem.gradients()
    return mean_epoch(lambda w: gradients(w).mean(axis=-2, keepdims=True), np.zeros((1, 1), int))


def local_order(field, epoch, start, step_sizes, steps):
    start = np.array(start)
    errors = [
        np.linalg.norm(flow(numeric_field(field, h), start, [0, steps * h])[-1] - epoch(start, h))
        for h in step_sizes
    ]
    return convergence_order(step_sizes, errors)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
def test_descent_leaves_the_flow_of_order_p_at_order_p_plus_2(problem):
    field = modified_field(problem.losses, problem.state, eps, order=4, sampling="full")
    for p in range(5):
        order = local_order(field.truncate(p), descent(problem), problem.start, STEP_SIZES, 1)
        assert abs(order.value - (p + 2)) < 0.1
        assert order.error < 0.05


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
@pytest.mark.parametrize(
    ("sampling", "top"), [("shuffled", 3), ("reversed_pair", 2), ("replacement", 2)]
)
def test_the_mean_epoch_leaves_the_flow_of_order_p_at_order_p_plus_2(problem, sampling, top):
    m = len(problem.losses)
    field = modified_field(problem.losses, problem.state, eps, order=top, sampling=sampling)
    epoch = mean_epoch(problem.gradients(), draws(sampling, m))
    for p in range(top + 1):
        order = local_order(field.truncate(p), epoch, problem.start, STEP_SIZES / 2, m)
        assert abs(order.value - (p + 2)) < 0.1
        assert order.error < 0.05


@pytest.mark.parametrize("sampling", ["shuffled", "reversed_pair", "replacement"])
@pytest.mark.parametrize("repeats", [2, 3])
def test_so_does_an_epoch_of_several_steps_on_each_batch(sampling, repeats):
    problem = PROBLEMS[0]
    method = {"sampling": sampling, "repeats": repeats}
    field = modified_field(problem.losses, problem.state, eps, order=2, **method)
    visits = draws(sampling, len(problem.losses))
    epoch = mean_epoch(problem.gradients(), np.repeat(visits, repeats, axis=1))
    sizes, steps = STEP_SIZES / 4 / repeats, visits.shape[1] * repeats
    for p in range(3):
        order = local_order(field.truncate(p), epoch, problem.start, sizes, steps)
        assert abs(order.value - (p + 2)) < 0.1


@pytest.mark.parametrize("problem", PROBLEMS[:2], ids=lambda p: p.name)
def test_over_a_fixed_time_the_flow_of_order_p_errs_at_order_p_plus_1(problem):
    field = modified_field(problem.losses, problem.state, eps, order=2, sampling="full")
    epoch, start, steps = descent(problem), np.array(problem.start), np.array([8, 12, 16, 24, 32])
    for p in range(3):
        errors = []
        for n in steps:
            run = compare(
                lambda w, n=n: epoch(w, 0.8 / n),
                {"flow": numeric_field(field.truncate(p), 0.8 / n)},
                start,
                duration=0.8 / n,
                steps=n,
            )
            errors.append(run.errors["flow"][-1])
        assert abs(convergence_order(0.8 / steps, errors).value - (p + 1)) < 0.1


@pytest.mark.parametrize("sampling", ["full", "replacement"])
def test_without_the_variance_term_shuffling_is_missed_at_order_2(sampling):
    problem = PROBLEMS[1]
    wrong = modified_field(problem.losses, problem.state, eps, order=1, sampling=sampling)
    epoch = mean_epoch(problem.gradients(), draws("shuffled", 4))
    order = local_order(wrong, epoch, problem.start, STEP_SIZES / 2, 4)
    assert abs(order.value - 2) < 0.1


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_on_its_slow_manifold_leaves_the_flow_at_order_p_plus_2(nesterov):
    problem, beta = PROBLEMS[0], 0.4
    field = modified_field(
        problem.losses,
        problem.state,
        eps,
        order=2,
        sampling="full",
        momentum=beta,
        nesterov=nesterov,
    )
    gradients, now = problem.gradients(), np.array(problem.start)
    step_sizes = STEP_SIZES / 8
    for p in range(3):
        errors = []
        for h in step_sizes:
            velocity = numeric_field(field.truncate(p), h)
            v = now - flow(velocity, now, [0, -h])[-1]
            g = gradients(now + (beta * v if nesterov else 0)).mean(axis=0)
            following = flow(velocity, now, [0, h])[-1]
            errors.append(np.linalg.norm(now - h * g + beta * v - following))
        assert abs(convergence_order(step_sizes, errors).value - (p + 2)) < 0.1


ROTATION = np.array([[0.8, -0.6], [0.6, 0.8]])
HESSIAN = ROTATION @ np.diag([2.0, 0.0]) @ ROTATION.T + 0.02 * np.eye(2)


@pytest.mark.parametrize("step_size", [0.1, 0.5, 0.9, 1.02])
def test_principal_flow_is_gradient_descent_on_a_quadratic_at_any_learning_rate(step_size):
    field = principal_field(lambda w: HESSIAN @ w, lambda w: HESSIAN, step_size)
    run = compare(
        lambda w: w - step_size * HESSIAN @ w,
        {"principal": field},
        np.array([-0.35, -0.2 + 0j]),
        duration=step_size,
        steps=8,
    )
    assert run.errors["principal"].max() < 1e-11
    grows = abs(run.flows["principal"][-1] @ ROTATION[:, 0]) > abs(run.iterates[0] @ ROTATION[:, 0])
    assert grows == (step_size * 2.02 > 2)


def test_flow_of_a_pendulum_keeps_its_energy_and_returns():
    def field(w):
        return np.array([w[1], -np.sin(w[0])])

    def energy(w):
        return w[..., 1] ** 2 / 2 - np.cos(w[..., 0])

    path = flow(field, [1.0, 0.5], np.linspace(0, 10, 21))
    np.testing.assert_allclose(energy(path), energy(path[0]), rtol=1e-12)
    np.testing.assert_allclose(flow(field, path[-1], [10, 0])[-1], path[0], rtol=1e-11)


def test_a_flow_that_runs_away_ends_in_nan_without_a_word():
    path = flow(lambda w: w**2, [1.0, -1.0], [0, 0.5, 1.2, 2])
    np.testing.assert_allclose(path[:2, 0], [1, 2], rtol=1e-12)
    assert np.isnan(path[2:]).all()
    assert np.isnan(flow(lambda w: w * np.nan, [1.0], [0, 1])[1:]).all()


def test_a_flow_from_rest_stays_and_one_from_zero_sets_out():
    assert not flow(lambda w: -w, np.zeros(2), [0, 1, 2]).any()
    np.testing.assert_allclose(flow(np.ones_like, [0.0], [0, 1, 3]).ravel(), [0, 1, 3])
    path = flow(lambda w: np.cos(w), [0.0], [0, 1])  # w = gd(t), the Gudermannian function
    np.testing.assert_allclose(path[1], 2 * np.arctan(np.tanh(0.5)), rtol=1e-12)
    tiny = flow(lambda w: -w, [1e-320], [0, 1e-3])  # below which numbers lose their digits
    np.testing.assert_allclose(tiny[1], 1e-320, rtol=1e-2)


@pytest.mark.parametrize(
    ("field", "later"),
    [
        (lambda w: 1j * w, 1e300),
        (lambda w: -1e9 * w, 1.0),
        (lambda w: np.sign(np.sin(1e5 * w.real)) + 0.5, 10.0),  # the integrator refuses its steps
    ],
)
def test_no_flow_takes_more_evaluations_than_it_says(field, later, monkeypatch):
    monkeypatch.setattr(flows, "MOST_EVALUATIONS", 3000)
    told = []
    with pytest.raises(InputError, match=r"near enough for 3000 evaluations of the field .* 0 and"):
        flow(field, [1.0 + 0j], [0, later], progress=told.append)
    assert sum(told) == 3000


@pytest.mark.parametrize("times", [[0, np.nan], [0, np.inf], [], 3.0])
def test_times_are_finite(times):
    with pytest.raises(InputError, match="times must"):
        flow(lambda w: -w, [1.0], times)
    with pytest.raises(InputError, match="duration must be finite and at least 0; got"):
        compare(lambda w: w, {"a": lambda w: -w}, [1.0], duration=-1.0, steps=1)


def spoil(w):
    w *= 0
    return w


def test_fields_and_steps_cannot_write_to_the_weights():
    start = np.ones(2)
    with pytest.raises(ValueError, match="read-only"):
        flow(spoil, start, [0, 1])
    with pytest.raises(ValueError, match="read-only"):
        compare(spoil, {}, start, duration=1.0, steps=2)
    assert (start == 1).all()


@pytest.mark.parametrize("field", [3, None, lambda w: None, lambda w: w[:1], lambda w: "ab"])
def test_what_is_no_field_is_refused(field):
    with pytest.raises(InputError, match=r"field must (be a function|return numbers of shape)"):
        flow(field, [1.0, 2.0], [0, 1])


@pytest.mark.parametrize(
    "step_sizes", [[np.inf, 0.05, 0.02, 0.01], [0.1, 0.1, 0.05, 0.05], [0.1] * 4]
)
def test_an_order_needs_step_sizes_that_tell_it(step_sizes):
    with pytest.raises(InputError, match=r"step_sizes must (be finite|hold at least 3 different)"):
        convergence_order(step_sizes, [0.1, 0.05, 0.02, 0.01])


def test_orders_do_not_depend_on_the_unit_of_the_step_size():
    h = np.array([0.2, 0.1, 0.05, 0.025])
    for unit in (1e-300, 1e300):
        assert abs(convergence_order(h * unit, h**3).value - 3) < 1e-9


def test_what_makes_no_sense_is_refused_in_one_sentence():
    with pytest.raises(InputError, match=r"start must have shape \(P,\) with P >= 1; got \(1, 2\)"):
        flow(lambda w: w, [[1.0, 2.0]], [0, 1])
    with pytest.raises(InputError, match="at least 0; got -1"):
        compare(lambda w: w, {}, [1.0], duration=1.0, steps=-1)
    with pytest.raises(InputError, match="at least 4 positive step sizes"):
        convergence_order([1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize("module", ["fields", "flow", "recovery", "breakdown", "epochs"])
def test_importing_the_numeric_floor_leaves_sympy_alone(module):
    code = f"import sys, catapult_sim.numeric.flows.{module}; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
