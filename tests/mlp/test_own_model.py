"""Models of one's own: a loss, a gradient and two products train as a network does."""

import pickle
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.mlp.observers import Observers
from catapult_sim.mlp.own_model import METHODS, as_model
from catapult_sim.validation import InputError


class Own:
    """A network seen through the four methods alone, one theta at a time."""

    def __init__(self, net):
        self.net = net

    def loss(self, theta, X, y):
        assert theta.ndim == 1
        theta[0] += 0.0  # a copy that may be written to
        return self.net.loss(theta, X, y)

    def gradient(self, theta, X, y):
        return self.net.gradient(theta, X, y)

    def hessian_product(self, theta, X, y, direction):
        return self.net.hessian_product(theta, X, y, direction)

    def kernel_product(self, theta, X, signal):
        assert signal.shape == (len(X), self.net.outputs)
        return self.net.kernel_product(theta, X, signal)

    def predict(self, theta, X):
        return self.net.predict(theta, X)

    def init(self, rng):
        return self.net.init(rng=rng)


NET = cs.MLP([3, 20, 2], activation="tanh")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), np.eye(2)[RNG.integers(2, size=12)]
THETA = NET.init(rng=0, ensemble=(3,))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": cs.HeavyBall([0.0, 0.5, 0.9])},
        {"optimizer": cs.Nesterov(0.5), "batches": cs.minibatches(12, 4, 30, rng=0), "every": 7},
        {"batches": cs.minibatches(12, 4, 30, rng=0, ensemble=(3,))},
        {"optimizer": cs.Regularized(cs.GradientDescent(), 0.1)},
        {"average": cs.EMA(0.9)},
        {"observe": ["sharpness", "top_eigenvalue", "accuracy", "gradient_norm"], "every": 10},
    ],
)
def test_it_trains_as_the_network_that_it_is(options):
    runs = [
        cs.train(model, THETA, X, Y, learning_rate=0.3, steps=30, **options)
        for model in (NET, Own(NET))
    ]
    for name, values in runs[0].values.items():
        np.testing.assert_allclose(runs[1].values[name], values, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(runs[1].state, runs[0].state, rtol=1e-9)


def test_numbers_stay_in_single_precision():
    net = cs.MLP([3, 20, 2], activation="tanh", dtype="float32")
    theta = net.init(rng=0)
    seen = []

    class Watched(Own):
        def gradient(self, theta, X, y):
            seen.append(theta.dtype)
            return super().gradient(theta, X, y)

    run = cs.train(Watched(net), theta, X, Y, learning_rate=0.1, steps=3)
    assert run.state.dtype == np.float32
    assert set(seen) == {np.dtype("float32")}
    top = as_model(Own(net), theta, X).top_eigenvalue(theta, X, Y)
    expected = np.linalg.eigvalsh(cs.ntk(net, theta, X))[-1]
    assert top == pytest.approx(expected, rel=1e-4)


def test_samples_may_have_any_shape():
    images = X.reshape(12, 3, 1)
    labels = RNG.integers(5, size=(12, 2))

    class Tokens(Own):
        def loss(self, theta, X, y):
            return super().loss(theta, X[..., 0], y)

        def gradient(self, theta, X, y):
            assert y.dtype.kind == "i"
            return super().gradient(theta, X[..., 0], y)

    options = {"learning_rate": 0.1, "steps": 8, "batches": cs.minibatches(12, 4, 8, rng=0)}
    ours = cs.train(Tokens(NET), THETA, images, labels, **options, every=4)
    theirs = cs.train(NET, THETA, X, labels, **options, every=4)
    np.testing.assert_allclose(ours.state, theirs.state, rtol=1e-12)


def test_methods_are_called_by_one_thread_at_a_time():
    inside, met = set(), []

    class Stateful(Own):
        def gradient(self, theta, X, y):
            inside.add(threading.get_ident())
            time.sleep(0.005)
            met.append(len(inside))
            inside.discard(threading.get_ident())
            return super().gradient(theta, X, y)

    model = as_model(Stateful(NET), THETA, X)
    model.require_data(X, Y)  # the check at the first theta
    met.clear()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: model.gradient(THETA, X, Y), range(4)))
    assert met == [1] * 12


def test_it_diverges_without_a_warning_or_an_exception():
    run = cs.train(Own(NET), THETA[0], X, Y, learning_rate=[1e3, 1e300], steps=50)
    assert (cs.classify(run) == cs.Phase.DIVERGENT).all()


def test_it_goes_to_other_processes():
    model = pickle.loads(pickle.dumps(as_model(Own(NET), THETA, X)))
    np.testing.assert_array_equal(model.loss(THETA, X, Y), NET.loss(THETA, X, Y))


@pytest.mark.parametrize("missing", METHODS)
def test_a_missing_method_is_named(missing):
    methods = {name: abs for name in METHODS if name != missing}
    with pytest.raises(InputError, match=f"network must be .* without {missing}$"):
        cs.train(types.SimpleNamespace(**methods), THETA, X, Y, learning_rate=0.1, steps=1)


class Torn(Own):
    def gradient(self, theta, X, y):
        return super().gradient(theta, X, y)[:-1]


class Unsplit(Own):
    def loss(self, theta, X, y):
        return super().loss(theta, X, y) * np.ones(3)


class Attached(Own):
    class Tensor:
        def __array__(self, *_, **__):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def gradient(self, theta, X, y):
        return self.Tensor()


@pytest.mark.parametrize(
    ("model", "samples", "said"),
    [
        (Torn(NET), (X, Y), r"gradient must return numbers of shape \(100,\)"),
        (Unsplit(NET), (X, Y), r"loss must return numbers of shape \(\)"),
        (Attached(NET), (X, Y), "gradient must return a NumPy array; Can't call numpy"),
        (Own(NET), (X[:5], Y), "X and y must have a row for each sample; got 5 and 12"),
        (Own(NET), (X * np.nan, Y), "X must be finite"),
        (Own(NET), (X[:0], Y[:0]), r"X must be numbers of shape \(m, ...\)"),
        (Own(NET), (np.array(["a", "b"]), Y[:2]), r"X must be numbers of shape \(m, ...\)"),
        (Own, (X, Y), "a class and not an object of it"),
        (None, (X, Y), "network must be a network"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(model, samples, said):
    with pytest.raises(InputError, match=said):
        cs.train(model, THETA[0], *samples, learning_rate=0.1, steps=2)


def test_accuracy_needs_predict_and_units_need_a_network():
    bare = types.SimpleNamespace(**{name: getattr(Own(NET), name) for name in METHODS})
    see = Observers(as_model(bare, THETA, X), X, Y)
    with pytest.raises(InputError, match=r"accuracy needs a method predict\(theta, X\)"):
        see.accuracy(THETA)
    with pytest.raises(InputError, match="active_fraction needs a network"):
        see.active_fraction(THETA)


def test_the_kernel_product_of_a_network_is_that_of_its_matrix():
    signal = RNG.normal(size=(3, 12, 2))
    expected = np.einsum("sab,sb->sa", cs.ntk(NET, THETA, X), signal.reshape(3, -1))
    found = NET.kernel_product(THETA, X, signal)
    np.testing.assert_allclose(found.reshape(3, -1), expected, rtol=1e-10)
