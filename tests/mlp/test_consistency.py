"""A model of one's own that contradicts itself is refused, with the factor; a right one never."""

from collections import Counter

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.mlp.own_model import METHODS, as_model
from catapult_sim.validation import InputError
from tests.mlp.test_own_model import Own

RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(16, 3)), RNG.normal(size=(16, 2))
NET = cs.MLP([3, 20, 2], activation="tanh")
THETA = NET.init(rng=0)


def times(own, **factors):
    """Return a model whose methods return so many times what those of another return."""

    def method(name):
        return lambda *given: factors.get(name, 1.0) * getattr(own, name)(*given)

    named = {name: staticmethod(method(name)) for name in METHODS}
    return type("Times", (), named | {"predict": staticmethod(own.predict)})()


DOORS = {
    "study": lambda model: cs.study(model, X, Y, theta=THETA, c=[1.0], steps=1),
    "train": lambda model: cs.train(model, THETA, X, Y, learning_rate=0.1, steps=1),
    "Observers": lambda model: cs.Observers(as_model(model, THETA, X), X, Y),
}
ALL = dict.fromkeys(("loss", "gradient", "hessian_product"), 2.0)
WRONG = [
    ({"loss": 0.5}, r"gradient must be that of loss; along itself the loss changes 0\.50 times"),
    ({"gradient": -1.0}, r"gradient must be that of loss; .* changes -1\.00 times as fast"),
    ({"gradient": 0.0}, r"gradient must be that of loss; it is 0 where the loss changes"),
    ({"hessian_product": 4.0}, r"hessian_product must be the Hessian .* 0\.25 times as fast"),
    ({"kernel_product": 16.0}, r"kernel_product must be \(1/m\) J J\^T s; it is 16 times that"),
    (ALL, r"loss must be \(1/2m\) sum \|f - y\|\^2 for .* to hold; it is 2\.00 times that"),
    ({**ALL, "kernel_product": 16.0}, r"kernel_product must be .*; it is 16 times that"),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("factors", "said"), WRONG)
def test_a_wrong_model_is_refused_at_every_door_with_its_factor(door, factors, said):
    with pytest.raises(InputError, match=said):
        DOORS[door](times(Own(NET), **factors))


def test_a_gradient_without_a_block_is_told_by_the_product_with_the_hessian():
    class Torn(Own):
        def gradient(self, theta, X, y):
            return np.where(np.arange(theta.size) < 60, super().gradient(theta, X, y), 0)

    with pytest.raises(InputError, match="hessian_product must be the Hessian"):
        DOORS["train"](Torn(NET))


@pytest.mark.parametrize("door", DOORS)
def test_a_right_model_passes_and_is_checked_once(door):
    """However long the run, the products are called as often."""
    counts = []
    for steps in (1, 4):
        calls = Counter()

        class Counted(Own):
            def kernel_product(self, *given, calls=calls):
                calls["kernel_product"] += 1
                return super().kernel_product(*given)

            def hessian_product(self, *given, calls=calls):
                calls["hessian_product"] += 1
                return super().hessian_product(*given)

        if door == "train":
            cs.train(Counted(NET), THETA, X, Y, learning_rate=0.1, steps=steps)
            assert calls == {"kernel_product": 1, "hessian_product": 1}
        elif door == "study":
            cs.study(Counted(NET), X, Y, theta=THETA, c=[1.0], steps=steps)
            assert calls["hessian_product"] == 2  # with that of the fingerprint
        else:
            see = cs.Observers(as_model(Counted(NET), THETA, X), X, Y)
            for _ in range(steps):
                see.loss(THETA)
            assert calls == {"kernel_product": 1, "hessian_product": 1}
        counts.append(calls["hessian_product"])
    assert counts[0] == counts[1]


def test_a_loss_of_another_factor_passes_with_its_kernel():
    """As docs/own_model.md says: (2/k) for the mean over k outputs, in the kernel too."""
    DOORS["train"](times(Own(NET), **ALL, kernel_product=2.0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("activation", ["relu", "tanh", "linear", "gelu"])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_right_models_pass_in_both_precisions_at_any_scale(dtype, scale, activation, loss):
    options = {"activation": activation, "loss": loss, "weight_decay": 0.01, "dtype": dtype}
    net = cs.MLP([3, 30, 30, 2], **options)
    inputs = np.concatenate([X, np.zeros((1, 3))])  # at the kink of every unit
    labels = np.eye(2)[RNG.integers(2, size=17)]
    theta = net.init(rng=0, ensemble=(2,))
    own = times(Own(net), **dict.fromkeys(METHODS, net.dtype.type(scale)))
    for start in (theta, 0 * theta):
        as_model(own, start, inputs).require_data(inputs, labels)


def test_what_decides_nothing_passes():
    noise = np.random.default_rng(0)

    class Noisy(Own):
        def loss(self, *given):
            return super().loss(*given) * (1 + 0.1 * noise.normal())

        def gradient(self, *given):
            return super().gradient(*given) * (1 + 0.1 * noise.normal(size=THETA.size))

    class Unknown(Own):
        def kernel_product(self, *given):
            raise NotImplementedError

    flat = times(Own(NET), loss=0.0, gradient=0.0, hessian_product=0.0)
    minimum = NET.predict(THETA, X)
    for model in (Noisy(NET), Unknown(NET), flat):
        DOORS["train"](model)
    as_model(Own(NET), THETA, X).require_data(X, minimum)
    as_model(Own(NET), np.full_like(THETA, np.nan), X).require_data(X, Y)


class Entropy(Own):
    """Cross-entropy, whose kernel is multiplied by the curvature 1/2 of the loss."""

    def kernel_product(self, theta, X, signal):
        return super().kernel_product(theta, X, signal) / 2


def in_samples(own, known=(), **powers):
    """Return a model whose methods are multiplied by powers of the number of samples."""

    def method(name):
        return lambda theta, X, *given: (
            getattr(own, name)(theta, X, *given) * float(len(X)) ** powers.get(name, 0)
        )

    named = {name: staticmethod(method(name)) for name in (*METHODS, *known)}
    return type("InSamples", (), named)()


SUM = dict.fromkeys(("loss", "gradient", "hessian_product"), 1)
OF_MEAN = [
    ({"kernel_product": 1}, r"s for m samples; of samples that are given twice it is 2 times that"),
    ({"kernel_product": -1}, "of samples that are given twice it is 0.5 times that of these"),
    (SUM, "loss must be a mean over samples, as kernel_product is; given twice it doubles"),
    ({}, None),
    ({**SUM, "kernel_product": 1}, None),  # both are sums: the threshold is at 2 / lambda_0
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("known", [(), ("predict",)])
@pytest.mark.parametrize("samples", [2, 5, 16])
@pytest.mark.parametrize(("powers", "said"), OF_MEAN)
def test_loss_and_kernel_are_both_means_for_any_loss(powers, said, samples, known, dtype):
    net = cs.MLP([3, 20, 2], loss="cross_entropy", weight_decay=0.01, dtype=dtype)
    own = in_samples(Entropy(net), known, **powers)
    model = as_model(own, net.init(rng=0), X)
    labels = np.eye(2)[np.arange(samples) % 2]
    if said is None:
        model.require_data(X[:samples], labels)
        return
    with pytest.raises(InputError, match=said):
        model.require_data(X[:samples], labels)


def test_one_sample_has_no_mean():
    net = cs.MLP([3, 20, 2], loss="cross_entropy")
    model = as_model(in_samples(Entropy(net), kernel_product=1), net.init(rng=0), X)
    model.require_data(X[:1], np.eye(2)[:1])


class Line:
    """A line in inputs (m, 3); outputs of a shape, and what loss makes of a residual."""

    def __init__(self, outputs, loss, label=lambda y: y):
        self.shape, self.mean, self.label = outputs, loss, label

    def predict(self, theta, X):
        return (X @ theta).reshape(self.shape)

    def residual(self, theta, X, y):
        return self.predict(theta, X) - self.label(y)

    def loss(self, theta, X, y):
        return self.mean(self.residual(theta, X, y) ** 2)

    def gradient(self, theta, X, y):
        """By complex steps, as exact as automatic derivatives."""
        ways = 1e-30j * np.eye(theta.size)
        return np.array([self.loss(theta + way, X, y).imag for way in ways]) / 1e-30

    def hessian_product(self, theta, X, y, direction):
        return self.gradient(theta + direction, X, y) - self.gradient(theta, X, y)

    def kernel_product(self, theta, X, signal):
        return (X @ (X.T @ signal.ravel()) / len(X)).reshape(self.shape)


LOSSES = {"mean": lambda r: np.mean(r) / 2, "sum": lambda r: np.sum(r) / (2 * len(r))}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("outputs", "labels"), [((-1,), (-1, 1)), ((-1, 1), (-1,))])
def test_labels_that_meet_every_output_are_refused(outputs, labels, loss):
    y, theta = Y[:, 0], RNG.normal(size=3)
    said = (
        r"y must have the shape of the outputs, \(16.*\); got \(16.* of shape \(16, 16\), all pairs"
    )
    with pytest.raises(InputError, match=said):
        cs.study(Line(outputs, LOSSES[loss]), X, y.reshape(labels), theta=theta, c=[1.0], steps=1)
    right = cs.study(Line(outputs, LOSSES[loss]), X, y.reshape(outputs), theta=theta, c=[1.0])
    turned = Line(outputs, LOSSES[loss], lambda y: y.reshape(outputs))  # it knows what it is given
    found = cs.study(turned, X, y.reshape(labels), theta=theta, c=[1.0])
    top = np.linalg.eigvalsh(X @ X.T / 16)[-1]
    assert [one.lambda_0[0] for one in (right, found)] == pytest.approx([top, top], rel=1e-6)
