"""Networks on data at c = eta lambda_0, against explicit weights, dense Jacobians, closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from catapult_sim.experiments.networks import (
    WHOLE_RUNS,
    Networks,
    Search,
    bracket_each,
    draw,
    draw_linear,
    linear_net,
)
from catapult_sim.numeric.runs.phases import rise
from catapult_sim.validation import InputError

SEEDS, SAMPLES, INPUTS, WIDTH = 3, 5, 4, 16


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(SAMPLES, INPUTS)), rng.normal(size=(SAMPLES, 1))


@pytest.fixture
def drawn(data):
    options = {"rng": 1, "ensemble": (SEEDS,), "activation": "linear"}
    return draw(data, [WIDTH], **options).at_lambda_0()


def modes(networks, seed):
    """The kernel's eigenvalues, of a dense Jacobian, and its modes' shares of the loss."""
    net, theta = networks.net, networks.start[seed]
    jacobian = net.jacobian_product(theta, networks.X, np.eye(net.size)).reshape(net.size, -1)
    values, vectors = np.linalg.eigh(jacobian.T @ jacobian / SAMPLES)
    residual = (net.predict(theta, networks.X) - networks.y).ravel()
    return values, (vectors.T @ residual) ** 2 / (2 * SAMPLES)


def test_a_step_at_c_is_gradient_descent_on_the_weights(drawn):
    c, (X, y) = np.array([[0.5], [1.5]]), (drawn.X, drawn.y)
    found = drawn.run_at(c, steps=1).values["loss"][1]
    for seed in range(SEEDS):
        (U, _), (v, _) = drawn.net.split(drawn.start[seed])
        scale = 1 / np.sqrt(INPUTS * WIDTH)
        residual = scale * X @ U @ v - y
        lambda_0 = modes(drawn, seed)[0][-1]
        for row, eta in enumerate(c[:, 0] / lambda_0):
            slope = scale * X.T @ residual / SAMPLES
            ahead = scale * X @ (U - eta * slope @ v.T) @ (v - eta * U.T @ slope)
            assert found[row, seed] == pytest.approx(np.mean((ahead - y) ** 2) / 2, rel=1e-10)


def test_the_exact_linear_network_runs_as_the_explicit_one(drawn, data):
    (U, _), (v, _) = drawn.net.split(drawn.start)
    net = linear_net(data, WIDTH)
    exact = Networks(net, net.from_weights(np.swapaxes(U, 1, 2), v), *data).at_lambda_0()
    np.testing.assert_allclose(exact.lambda_0, drawn.lambda_0, rtol=1e-12)
    np.testing.assert_allclose(exact.outputs(exact.start), drawn.outputs(drawn.start), rtol=1e-9)
    runs = [one.run_at([[1.0], [2.5]], steps=20).values for one in (exact, drawn)]
    np.testing.assert_allclose(runs[0]["loss"], runs[1]["loss"], rtol=1e-9)
    assert [list(values) for values in runs] == [["loss"]] * 2


def test_the_linear_model_of_a_member_decays_mode_by_mode(drawn):
    c, steps = np.array([0.5, 1.9, 2.2]), 12
    values, shares = modes(drawn, 1)
    found = drawn[1].expanded(order=1).run_at(c, steps=steps).values["loss"]
    factors = (1 - np.outer(c, values / values[-1])) ** 2
    expected = [factors**t @ shares for t in range(steps + 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_linear_model_of_one_sample_rises_at_two(data):
    """In one step the loss is multiplied by (1 - c)^2."""
    options = {"rng": 2, "ensemble": (SEEDS,), "activation": "tanh"}
    one_sample = draw((data[0][:1], data[1][:1]), [WIDTH], **options).at_lambda_0()
    models = [one_sample[seed].expanded(order=1) for seed in range(SEEDS)]
    how = Search(1.5, 5.0, rise, {"steps": 1})
    found = bracket_each(models, how.sides, how.low, how.high, grid=6, tolerance=1e-6)
    assert (found.lower <= 2 + 1e-9).all()
    assert (found.upper >= 2 - 1e-9).all()
    assert (found.upper / found.lower < 1 + 2e-6).all()


@pytest.mark.parametrize("kind", WHOLE_RUNS)
def test_members_have_the_boundaries_that_they_have_alone(drawn, kind):
    how = WHOLE_RUNS[kind].stopping(steps=40)
    precision = {"grid": 6, "tolerance": 0.05}
    together = drawn.bracket(how, **precision)
    each = [drawn[seed] for seed in range(SEEDS)]
    for apart in (
        bracket_each(each, how.sides, how.low, how.high, **precision),
        replace(drawn, method={"steps": 40}).bracket(WHOLE_RUNS[kind], **precision),
    ):
        np.testing.assert_array_equal(together.lower, apart.lower)
        np.testing.assert_array_equal(together.upper, apart.upper)


def test_some_members_are_those_of_the_ensemble(drawn):
    some = drawn[1:]
    np.testing.assert_array_equal(some.unit, drawn.unit[1:])
    losses = [one.run_at(2.5, steps=9).values["loss"] for one in (drawn, some)]
    np.testing.assert_array_equal(losses[1], losses[0][:, 1:])


def test_c_is_the_learning_rate_until_lambda_0_is_measured(data):
    drawn = draw_linear(data, 100, rng=0, ensemble=(SEEDS,))
    rates = 0.7 / drawn.top_eigenvalue(drawn.start)
    expected = drawn.at_lambda_0().run_at(0.7, steps=5).values["loss"]
    np.testing.assert_allclose(drawn.run_at(rates, steps=5).values["loss"], expected, rtol=1e-12)
    np.testing.assert_allclose(drawn[1].run_at(rates[1], steps=5).values["loss"], expected[:, 1])


def test_a_loss_with_half_the_curvature_takes_twice_the_learning_rate(drawn):
    np.testing.assert_allclose(drawn.at_lambda_0(0.5).unit, 2 * drawn.unit, rtol=1e-12)


def test_data_without_variation_have_no_unit(data):
    drawn = draw((np.zeros_like(data[0]), data[1]), [WIDTH], rng=0)
    with pytest.raises(InputError, match=r"top kernel eigenvalue .* must be positive; got 0"):
        drawn.at_lambda_0()
