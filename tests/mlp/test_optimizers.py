"""The one rule of descent: what a step is, under every optimiser."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from catapult_sim.mlp import schedules, training
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.passes import Passes
from catapult_sim.mlp.training import train
from catapult_sim.numeric.runs import strides
from catapult_sim.numeric.runs.batches import SAMPLINGS, minibatches
from catapult_sim.numeric.runs.optimizers import (
    GradientDescent,
    HeavyBall,
    Look,
    Nesterov,
    Regularized,
    displace,
)
from catapult_sim.numeric.runs.trajectory import Outcome
from catapult_sim.validation import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
ONE_HOT = np.eye(2)[RNG.integers(0, 2, 12)]


def build(loss="squared_error", activation="tanh"):
    net = MLP([4, 6, 2], activation=activation, loss=loss, biases=True)
    return net, net.init(rng=0, ensemble=(3,))


def batches_of(size=4, steps=9, ensemble=(3,), **options):
    return minibatches(12, size, steps, rng=5, ensemble=ensemble, **options)


OPTIMIZERS = {
    "gradient descent": {},
    "heavy ball": {"optimizer": HeavyBall(0.7)},
    "nesterov": {"optimizer": Nesterov(0.7)},
    "schedule": {"schedule": np.linspace(1.0, 0.2, 9)},
    "regulariser": {"optimizer": Regularized(GradientDescent(), 0.2)},
    **{sampling: {"batches": batches_of(sampling=sampling)} for sampling in SAMPLINGS},
    "batches for all": {"batches": batches_of(ensemble=())},
    "all at once": {
        "optimizer": Regularized(Nesterov(0.5), 0.1),
        "batches": batches_of(sampling="replacement"),
        "schedule": lambda t: schedules.warm_up(t, steps=4),
    },
}


def by_hand(net, theta, rate, s, *, optimizer=GradientDescent(), **options):
    """Take nine textbook steps of one network; yield where it is."""
    regularizer = getattr(optimizer, "coefficient", 0.0)
    optimizer = getattr(optimizer, "optimizer", optimizer)
    momentum, nesterov = getattr(optimizer, "momentum", 0.0), isinstance(optimizer, Nesterov)
    factors = options.get("schedule", np.ones(9))
    factors = [factors(t) for t in range(9)] if callable(factors) else factors
    before = now = theta
    yield now
    for t in range(9):
        rows = np.arange(12)
        if "batches" in options:
            table = options["batches"]
            rows = (table if table.ndim == 2 else table[s])[t]
        point = now + momentum * (now - before) if nesterov else now
        pull = net.gradient(point, X[rows], Y[rows])
        pull = pull + regularizer / 2 * net.hessian_product(point, X[rows], Y[rows], pull)
        before, now = now, now + momentum * (now - before) - rate * factors[t] * pull
        yield now


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_member_takes_the_steps_of_the_textbook(name):
    (net, theta), rates = build(), np.array([[0.05], [0.1]])
    run = train(net, theta, X, Y, learning_rate=rates, steps=9, **OPTIMIZERS[name])
    for i, s in np.ndindex(2, 3):
        path = list(by_hand(net, theta[s], rates[i, 0], s, **OPTIMIZERS[name]))
        np.testing.assert_allclose(run.state[i, s], path[-1], rtol=1e-11, atol=1e-13)
        losses = [net.loss(point, X, Y) for point in path]
        np.testing.assert_allclose(run.values["loss"][:, i, s], losses, rtol=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_members_do_not_depend_on_their_company(name):
    net, theta = build()
    rates = np.geomspace(0.02, 200, 4)[:, None]
    options = {"steps": 9, **OPTIMIZERS[name]}
    together = train(net, theta, X, Y, learning_rate=rates, **options)
    for i, s in np.ndindex(4, 3):
        own = dict(options)
        if own.get("batches", X).ndim == 3:
            own["batches"] = own["batches"][s]
        alone = train(net, theta[s], X, Y, learning_rate=rates[i, 0], **own)
        np.testing.assert_array_equal(alone.state, together.state[i, s])
        assert alone.outcome == together.outcome[i, s]


def test_momentum_and_regulariser_are_axes_of_the_ensemble():
    net, theta = build()
    betas, penalties = np.array([0.0, 0.5, 0.9])[:, None, None], np.array([[0.0], [0.1]])
    options = {"learning_rate": 0.05, "steps": 9, "batches": batches_of()}
    together = train(
        net, theta, X, Y, optimizer=Regularized(HeavyBall(betas), penalties), **options
    )
    assert together.state.shape == (3, 2, 3, net.size)
    for i, j in np.ndindex(3, 2):
        own = Regularized(HeavyBall(betas[i, 0, 0]), penalties[j, 0])
        alone = train(net, theta, X, Y, optimizer=own, **options)
        np.testing.assert_array_equal(alone.state, together.state[i, j])


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_the_regularised_gradient_is_the_complex_step_of_the_penalised_loss(loss):
    net, theta = build(loss)
    y, strength = ONE_HOT if loss == "cross_entropy" else Y, 0.3
    nudged = theta[0] + 1e-30j * np.eye(net.size)
    penalty = np.sum(net.gradient(nudged, X, y) ** 2, axis=-1)
    penalised = net.loss(nudged, X, y) + strength / 4 * penalty
    for data in ((X, y), (X[None], y[None])):
        point = net.point(theta[:1], *data)
        look = Look(0, np.arange(1), theta[:1], point.gradient, point.hessian_product)
        found = -displace(Regularized(GradientDescent(), strength), look, 1.0)[0][0]
        np.testing.assert_allclose(found, penalised.imag / 1e-30, rtol=1e-11, atol=1e-14)


def test_a_product_that_overflows_does_not_reach_members_without_a_penalty():
    gradient, infinite = np.ones((2, 3)), np.full((2, 3), np.inf)
    look = Look(0, np.arange(2), gradient, gradient.copy, lambda direction: infinite)
    optimizer = Regularized(GradientDescent(), np.array([[0.0], [0.1]]))
    (moved,) = displace(optimizer, look, np.full((2, 1), 0.5))
    np.testing.assert_array_equal(moved, [[-0.5] * 3, [-np.inf] * 3])


@pytest.mark.parametrize("sampling", ["shuffled", "repartitioned"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_one_batch_is_gradient_descent_bit_for_bit(activation, sampling):
    net, theta = build(activation=activation)
    rates = np.array([[0.05], [0.3], [200.0]])
    one = batches_of(12, 40, sampling=sampling)
    for options in ({}, {"optimizer": HeavyBall(0.5)}, {"optimizer": Nesterov(0.5)}):
        options = {"learning_rate": rates, "steps": 40, **options}
        stochastic = train(net, theta, X, Y, batches=one, **options)
        full = train(net, theta, X, Y, **options)
        assert (full.outcome == Outcome.DIVERGED).any()
        np.testing.assert_array_equal(stochastic.state, full.state)
        np.testing.assert_array_equal(stochastic.values["loss"], full.values["loss"])
        np.testing.assert_array_equal(stochastic.outcome, full.outcome)


@dataclass(frozen=True)
class Optimistic:
    """Momentum, and a step against the change of the gradient: the last of two memories."""

    memory: ClassVar[int] = 2

    def point(self, weights, *last):
        return weights

    def step(self, gradient, rate, moving, before):
        moving = 0.5 * moving - rate * (2 * gradient - before)
        return moving, moving, gradient


def test_an_optimiser_may_remember_the_gradient_itself_behind_another_vector():
    net, theta = build()
    run = train(net, theta, X, Y, learning_rate=0.1, steps=5, optimizer=Optimistic())
    for s in range(3):
        now, moving, before = theta[s], 0.0, 0.0
        for _ in range(5):
            gradient = net.gradient(now, X, Y)
            moving = 0.5 * moving - 0.1 * (2 * gradient - before)
            now, before = now + moving, gradient
        np.testing.assert_allclose(run.state[s], now, rtol=1e-12, atol=1e-14)


def test_heavy_ball_is_stable_up_to_its_threshold_and_not_beyond():
    # One linear layer's worth of curvature: f = u v with v's rate negligible near u = 0.
    net = MLP([1, 1, 1], activation="linear")
    theta = np.array([1e-9, 1.0])  # the Hessian is diag(1, 0) to 1e-9
    for options, threshold in (
        ({}, 2.0),
        ({"optimizer": HeavyBall(0.5)}, 3.0),
        ({"optimizer": Nesterov(0.5)}, 1.5),
    ):
        rates = threshold * np.array([0.99, 1.01])
        run = train(net, theta, [[1.0]], [0.0], learning_rate=rates, steps=300, **options)
        below, beyond = run.values["loss"][-1] / run.values["loss"][0]
        assert below < 1e-2
        assert beyond > 10


def test_the_recorded_loss_has_its_weight_decay_with_batches_and_without():
    net = MLP([4, 6, 2], weight_decay=0.3)
    theta, whole = net.init(rng=0), np.arange(12)[None]
    runs = [
        train(net, theta, X, Y, learning_rate=0.1, steps=5, batches=batches).values["loss"]
        for batches in (None, whole)
    ]
    np.testing.assert_allclose(*runs, rtol=1e-13)
    assert runs[0][0] == pytest.approx(net.loss(theta, X, Y), rel=1e-13)


def test_with_batches_the_loss_is_measured_only_where_it_is_recorded(monkeypatch):
    net, theta = build()
    seen, real = [], Passes.move
    spied = lambda self, theta, X: (seen.append(X.shape[-2]), real(self, theta, X))[1]  # noqa: E731
    monkeypatch.setattr(Passes, "move", spied)
    run = train(net, theta, X, Y, learning_rate=0.1, steps=9, batches=batches_of(), every=4)
    assert seen.count(12) == np.isfinite(run.values["loss"][:, 0]).sum() == 4
    np.testing.assert_array_equal(
        np.flatnonzero(np.isfinite(run.values["loss"][:, 0])), [0, 4, 8, 9]
    )
    monkeypatch.undo()
    often = train(net, theta, X, Y, learning_rate=0.1, steps=9, batches=batches_of())
    np.testing.assert_array_equal(run.state, often.state)
    np.testing.assert_array_equal(
        run.values["loss"][[0, 4, 8, 9]], often.values["loss"][[0, 4, 8, 9]]
    )


def test_members_take_steps_together_and_their_losses_as_many_at_once_as_stay_in_cache(monkeypatch):
    (net, theta), seen, real = build(), [], Passes.move
    options = {"learning_rate": 0.1, "steps": 9, "batches": batches_of(), "every": 4}
    whole = train(net, theta, X, Y, **options)
    layers = 8 * 4 * 12 * (4 + 6 + 2)  # bytes of one member's
    states = 8 * (net.size + 1)  # the weights, and what the loss reached at least
    monkeypatch.setattr(training, "BLOCK_BYTES", 2 * layers)
    monkeypatch.setattr(strides, "BLOCK_BYTES", 6 * (states + layers // 3))

    def spied(self, theta, X):
        seen.append((X.shape[-2], len(theta)))
        return real(self, theta, X)

    monkeypatch.setattr(Passes, "move", spied)
    parts = train(net, theta, X, Y, **options)
    assert {members for samples, members in seen if samples == 4} == {3}
    assert [members for samples, members in seen if samples == 12] == [2, 1] * 4
    np.testing.assert_array_equal(parts.state, whole.state)
    np.testing.assert_array_equal(parts.values["loss"], whole.values["loss"])


def test_batches_come_again():
    net, theta = build()
    table = batches_of(steps=3)
    short = train(net, theta, X, Y, learning_rate=0.1, steps=9, batches=table)
    long = train(net, theta, X, Y, learning_rate=0.1, steps=9, batches=np.tile(table, (1, 3, 1)))
    np.testing.assert_array_equal(short.state, long.state)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"batches": [[12]]}, "batches must number samples from 0 to 11; got 12 to 12"),
        ({"batches": np.zeros((4, 1, 1), int)}, r"of shape \(steps, size\) or \(3, steps, size\)"),
        ({"steps": -1}, "steps must be an integer of at least 0; got -1"),
        ({"every": 0}, "every must be an integer of at least 1; got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive; got 0"),
        ({"optimizer": 0.9}, r"optimizer must be one such as GradientDescent\(\) .*; got 0.9"),
        ({"optimizer": HeavyBall}, "optimizer must be one such as .*; got <class"),
        ({"schedule": [1.0, 0.5]}, r"schedule must give 3 factors, one a step; got \(2,\)"),
        ({"schedule": lambda t: -t}, "factors of schedule must be finite and at least 0; got -1"),
        ({"memory_limit": 1e3}, r"this run requires \S+ kB of memory; memory_limit allows 1 kB"),
    ],
)
def test_wrong_calls_are_refused_in_one_sentence(wrong, sentence):
    net, theta = build()
    with pytest.raises(InputError, match=sentence):
        train(net, theta, X, Y, **{"learning_rate": 0.1, "steps": 3, **wrong})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: HeavyBall(1.0), "momentum must satisfy 0 <= momentum < 1; got 1.0"),
        (lambda: Nesterov(-0.1), "momentum must satisfy 0 <= momentum < 1; got -0.1"),
        (
            lambda: Regularized(GradientDescent(), -0.1),
            "coefficient must be finite and at least 0; got -0.1",
        ),
        (
            lambda: Regularized(GradientDescent(), [0.1, np.nan]),
            "coefficient must be finite and at least 0; got nan",
        ),
    ],
)
def test_wrong_optimisers_are_refused_in_one_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_to_warm_up_in_one_step_is_not_to_warm_up():
    np.testing.assert_array_equal(schedules.warm_up(np.arange(3), steps=1), 1)
