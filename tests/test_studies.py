"""``cs.study``: one model at many learning rates, in a table, a figure and a record."""

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim.mlp.own_model import METHODS
from catapult_sim.validation import InputError
from tests.mlp.test_own_model import Own

X, Y = cs.datasets.subset(*cs.datasets.digits(), 40, rng=0)
SEEN, OTHERS = (X[:24], Y[:24]), (X[24:], Y[24:])
NET = cs.MLP([64, 30, 1], activation="tanh")
C = [1.0, 2.5, 40.0]
SMALL = {"c": C, "steps": 60, "progress": False}


def test_each_number_is_that_of_a_run_written_out():
    found = cs.study(NET, *SEEN, held_out=OTHERS, members=2, seed=3, **SMALL)
    assert found.phases.shape == (2, 3)
    for member in range(2):
        theta = NET.init(rng=3 + member)
        top = np.linalg.eigvalsh(cs.ntk(NET, theta, SEEN[0]))[-1]
        assert found.lambda_0[member] == pytest.approx(top, rel=1e-9)
        for k, c in enumerate(C[:2]):
            now, losses = theta, [NET.loss(theta, *SEEN)]
            while len(losses) <= 60 and losses[-1] > 1e-4 * losses[0]:
                now = now - c / top * NET.gradient(now, *SEEN)
                losses.append(NET.loss(now, *SEEN))
            last = np.linalg.eigvalsh(cs.ntk(NET, now, SEEN[0]))[-1]
            right = np.mean((NET.predict(now, OTHERS[0])[:, 0] > 0) == (OTHERS[1].ravel() > 0))
            expected = {"peak": max(losses) / losses[0], "loss": losses[-1] / losses[0]}
            expected |= {"curvature": last / top, "accuracy": right}
            for name, value in expected.items():
                assert found.values(name)[member, k] == pytest.approx(value, rel=1e-6), name


def test_learning_rates_may_be_given_as_they_are():
    top = np.linalg.eigvalsh(cs.ntk(NET, NET.init(rng=0), SEEN[0]))[-1]
    rates = [0.5 / top, 3.0 / top]
    options = {"steps": 20, "progress": False}
    found = cs.study(NET, *SEEN, learning_rate=rates, **options)
    assert found.c == pytest.approx([0.5, 3.0], rel=1e-9)
    assert found.columns()["learning_rate"] == pytest.approx(rates, rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"c": C, "learning_rate": [0.1]}, "given by c or by learning_rate; got both"),
        ({"learning_rate": [0.1], "members": 2}, "learning_rate must be of one start; got 2"),
        ({"learning_rate": [0.1, -1.0]}, "learning_rate must be positive; got -1"),
        ({"learning_rate": "fast"}, "learning_rate must be"),
    ],
)
def test_learning_rates_that_cannot_be_are_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        cs.study(NET, *SEEN, **arguments)


def test_an_own_model_is_studied_as_the_network_that_it_is():
    ours = cs.study(Own(NET), *SEEN, held_out=OTHERS, **SMALL)
    theirs = cs.study(NET, *SEEN, held_out=OTHERS, **SMALL)
    for name in theirs.quantities:
        np.testing.assert_allclose(ours.values(name), theirs.values(name), rtol=1e-6)
    assert ours.phases.tolist() == theirs.phases.tolist()
    assert repr(ours).startswith("Study of Own, 24 samples, 60 steps\n  3 learning rates, 1 start")


def test_the_largest_learning_rate_is_bracketed_by_runs_of_the_study():
    found = cs.study(NET, *SEEN, members=2, **{**SMALL, "c": [2.0, 4.0, 40.0]})
    ends = found.boundary(tolerance=0.1)
    assert (found.phases[:, -1] == cs.Phase.DIVERGENT).all()
    assert (ends.lower > 4).any()
    for member in range(2):
        theta = NET.init(rng=member)
        for c, converges in ((ends.lower[member], True), (ends.upper[member], False)):
            now, losses = theta, [NET.loss(theta, *SEEN)]
            while len(losses) <= 60 and 1e-4 * losses[0] < losses[-1] < 1e10 * losses[0]:
                now = now - c / found.lambda_0[member] * NET.gradient(now, *SEEN)
                losses.append(NET.loss(now, *SEEN))
            assert (losses[-1] <= 0.1 * losses[0]) == converges
    plain = found.boundary("learning_rate", tolerance=0.1)
    np.testing.assert_allclose(plain.upper * found.lambda_0, ends.upper)


def test_a_boundary_that_was_not_met_is_a_bound_and_its_words_are_checked():
    found = cs.study(NET, *SEEN, **{**SMALL, "c": [1.0, 2.0]})
    assert str(found.boundary().measured) == ">= 2"
    assert found.boundary().upper == np.inf
    with pytest.raises(InputError, match="unit must be one of c, learning_rate; got 'eta'"):
        found.boundary("eta")
    with pytest.raises(InputError, match="tolerance must be"):
        found.boundary(tolerance=0)


FILTERS = [cs.Convolution(4, 3, padding=1), "tanh"]
LAYERS = [*FILTERS, cs.Residual(FILTERS, scale=0.5), cs.MeanPooling(2), cs.Dense(1)]


def test_a_network_of_layers_is_studied_as_what_it_computes(tmp_path):
    net = cs.Network((8, 8, 1), LAYERS)
    images = X[:24].reshape(-1, 8, 8, 1)
    record = {"record": tmp_path / "record.jsonl"}
    found = cs.study(net, images, SEEN[1], held_out=OTHERS, **SMALL, **record)
    assert found.phases.names[0][[0, 2]].tolist() == ["lazy", "divergent"]
    theta = net.init(rng=0)
    top = np.linalg.eigvalsh(cs.ntk(net, theta, images))[-1]
    assert found.lambda_0 == pytest.approx([top], rel=1e-9)
    losses = [net.loss(theta, *SEEN)]
    for _ in range(60):
        theta = theta - C[1] / top * net.gradient(theta, *SEEN)
        losses.append(net.loss(theta, *SEEN))
    assert found.values("peak")[0, 1] == pytest.approx(max(losses) / losses[0], rel=1e-6)
    assert found.values("loss")[0, 1] == pytest.approx(losses[-1] / losses[0], rel=1e-6)
    again = cs.study(net, images, SEEN[1], held_out=OTHERS, **SMALL, **record)
    np.testing.assert_array_equal(again.values("curvature"), found.values("curvature"))


def test_a_network_of_layers_is_sent_to_workers_trained_and_bracketed():
    net = pickle.loads(pickle.dumps(cs.Network((8, 8, 1), LAYERS)))
    theta = net.init(rng=0, ensemble=(2,))
    see = cs.Observers(net, *SEEN)
    top = see.top_eigenvalue(theta)

    def side(c):
        options = {"learning_rate": c / top, "steps": 20, "escape": 1.0, "progress": False}
        run = cs.train(net, theta, *SEEN, observe="active_fraction", every=5, **options)
        return cs.numeric.runs.phases.rise(run)

    found = cs.boundary(side, 1.0, 8.0, members=2, grid=4, tolerance=0.1)
    for member, lambda_0 in enumerate(top):
        for c, rises in ((found.lower[member], False), (found.upper[member], True)):
            now, losses = theta[member], []
            for _ in range(21):
                losses.append(net.loss(now, *SEEN))
                now = now - c / lambda_0 * net.gradient(now, *SEEN)
            assert (max(losses) > losses[0]) == rises


def test_starts_may_be_given():
    theta = NET.init(rng=5, ensemble=(2,))
    found = cs.study(NET, *SEEN, theta=theta, **SMALL)
    again = cs.study(NET, *SEEN, theta=theta[1], **SMALL)
    np.testing.assert_array_equal(found.values("peak")[1], again.values("peak")[0])


def test_the_exact_linear_network_has_its_own_data():
    net = cs.LinearNet(SEEN[0] / 8, SEEN[1], width=10**9)
    found = cs.study(net, c=[1.5, 3.0, 4.5], steps=400, progress=False)
    assert found.phases.names.tolist() == [["lazy", "catapult", "divergent"]]
    with pytest.raises(InputError, match="a LinearNet has its data"):
        cs.study(net, *SEEN)


def test_a_network_and_its_taylor_models_do_not_share_a_record(tmp_path):
    theta = NET.init(rng=0)
    record = tmp_path / "record.jsonl"
    models = [cs.TaylorModel(NET, theta, order=1), cs.TaylorModel(NET, theta, order=2), NET]
    last = [
        cs.study(model, *SEEN, theta=theta, record=record, **SMALL).values("loss")[0, 1]
        for model in models
    ]
    assert last[0] > 1e6 > 1 > last[1]
    assert last[1] != last[2]


def test_starts_of_the_linear_network_do_not_share_a_record(tmp_path):
    net = cs.LinearNet(SEEN[0] / 8, SEEN[1], width=100)
    options = {"c": [1.0], "steps": 5, "progress": False, "record": tmp_path / "record.jsonl"}
    starts = [net.init(rng=0), 2 * net.init(rng=0)]
    tops = [cs.study(net, theta=start, **options).lambda_0[0] for start in starts]
    assert tops[1] == pytest.approx(2 * tops[0])


def test_a_record_is_continued_and_known_by_model_samples_start_and_method(tmp_path):
    record = tmp_path / "record.jsonl"
    told = []
    options = {**SMALL, "record": record, "progress": told.append}

    def lines():
        return len(record.read_text().splitlines())

    first = cs.study(NET, *SEEN, **options)
    assert lines() == 3
    more = cs.study(NET, *SEEN, **{**options, "c": [*C, 1.5]})
    assert lines() == 4
    assert more.values("peak")[0, [0, 2, 3]].tolist() == first.values("peak")[0].tolist()
    others = [
        (NET, SEEN, {"seed": 1}),
        (NET, OTHERS, {}),
        (cs.MLP([64, 30, 1], activation="erf"), SEEN, {"theta": NET.init(rng=0)}),
        (NET, SEEN, {"optimizer": cs.HeavyBall(0.5)}),
        (NET, SEEN, {"batch_size": 8}),
        (NET, SEEN, {"held_out": OTHERS}),
        (Own(NET), SEEN, {}),
    ]
    for number, (model, samples, changed) in enumerate(others, 1):
        cs.study(model, *samples, **options, **changed)
        assert lines() == 4 + 3 * number


def test_workers_give_the_same_numbers():
    with cs.process_pool(2) as pool:
        found = cs.study(Own(NET), *SEEN, **SMALL, executor=pool)
    expected = cs.study(Own(NET), *SEEN, **SMALL)
    assert found.lines == expected.lines


def test_it_is_shown_as_text_table_frame_and_figure():
    found = cs.study(NET, *SEEN, held_out=OTHERS, members=2, **SMALL)
    text = repr(found)
    assert len(text.splitlines()) == 5
    assert "divergent at c = 40" in text
    html = found._repr_html_()
    assert html.count("<tr>") == 7
    frame = found.to_frame()
    assert list(frame)[:4] == ["c", "learning_rate", "seed", "phase"]
    np.testing.assert_allclose(frame["learning_rate"] * frame["first_eigenvalue"], frame["c"])
    ax = found.plot("accuracy")
    assert found.plot("peak", ax=ax) is ax
    assert len(found.figure().axes) == len(found.quantities) + 1
    assert json.loads(json.dumps(found.rows))[0]["c"] == 1.0


def test_each_phase_has_its_letter():
    net = cs.MLP([64, 256, 1], activation="linear")
    found = cs.study(net, *SEEN, c=[0.001, 1.0, 3.0, 40.0], steps=200, progress=False)
    assert found.strip().split("   ")[0] == "? L C D"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"c": []}, "c must hold at least one"),
        ({"c": [-1.0]}, "c must be"),
        ({"steps": 0}, "steps must be"),
        ({"members": 0}, "members must be"),
        ({"members": 10**8}, "a study of 100000000 starts requires .* of memory"),
        ({"c": np.linspace(1, 2, 10**7)}, "a study of 10000000 runs requires .* of memory"),
        ({"batch_size": 25}, "batch_size must be"),
        ({"held_out": OTHERS[0]}, "held_out must be a pair"),
        ({"held_out": (OTHERS[0][:, :3], OTHERS[1])}, "this network takes 64 inputs"),
        ({"theta": np.zeros(5)}, "theta must have shape"),
        ({"theta": 1.0}, "theta must be one start"),
        ({"theta": np.zeros((2, 0))}, "theta must be one start"),
        ({"executor": 2}, "executor must be one of concurrent.futures"),
        ({"optimizer": "adam"}, "^optimizer must be one such as"),
        ({"optimizer": cs.HeavyBall}, "^optimizer must be one such as"),
        ({"X": None}, "X and y must be given"),
        ({"X": np.ones((24, 3))}, "this network takes 64 inputs"),
        ({"model": object()}, "network must be a network, .* without loss"),
        ({"model": [64, 30, 1]}, "network must be a network, .* without loss"),
        ({"model": cs.MLP}, "a class and not an object of it"),
        ({"model": Own}, "a class and not an object of it"),
        ({"model": SimpleNamespace(**dict.fromkeys(METHODS, len))}, "theta must be given"),
        (
            {"theta": np.zeros((2, 1950)), "members": 3},
            "members must be .*, here of 2 starts; got 3",
        ),
        ({"record": 3}, "record must be"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change, said):
    arguments = {"model": NET, "X": SEEN[0], "y": SEEN[1], **SMALL, **change}
    with pytest.raises(InputError, match=said):
        cs.study(arguments.pop("model"), arguments.pop("X"), arguments.pop("y"), **arguments)


class Failing(Own):
    def gradient(self, theta, X, y):
        if np.abs(theta).max() > 1e3:
            raise ValueError("too large")
        return super().gradient(theta, X, y)


def test_a_run_that_fails_is_told_with_its_learning_rate():
    with pytest.raises(InputError, match="at c = 40 a run ended with ValueError: too large"):
        cs.study(Failing(NET), *SEEN, **SMALL)
