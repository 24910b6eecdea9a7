"""Cells of networks: the same whether alone or together, and those of the instruments."""

import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from catapult_sim import datasets
from catapult_sim.experiments.boundary_cells import boundary_of
from catapult_sim.experiments.phase_cells import bytes_of, data_entries, phase_of, run_of, start
from catapult_sim.memory import allowed_bytes
from catapult_sim.mlp.kernel import ntk, top_eigenvalue
from catapult_sim.mlp.network import MLP
from catapult_sim.mlp.training import train
from catapult_sim.numeric.runs.optimizers import GradientDescent, HeavyBall
from catapult_sim.sweeps.cell import identify, physics_of
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.validation import InputError

DATA = {"data": "digits", "samples": 12, "scale": 1.0, "seed": 0}
MODELS = {
    "linear": {"model": "linear", "width": 50, "steps": 120},
    "infinitely wide": {"model": "linear", "width": "inf", "steps": 40},
    "relu": {"model": "mlp", "width": 24, "depth": 2, "activation": "relu", "steps": 40},
    "tanh": {"model": "mlp", "width": 33, "depth": 1, "activation": "tanh", "steps": 40},
}
METHODS = {
    "momentum": {"momentum": 0.6},
    "batches": {"batch_size": 4},
    "both": {"momentum": 0.6, "batch_size": 3},
}


@pytest.mark.parametrize("model", MODELS)
def test_together_and_alone_are_the_same_to_the_last_bit(model):
    cells = [
        DATA | MODELS[model] | {"c": rate, "scale": scale}
        for rate in (0.7, 1.9, 2.5, 3.3, 9.0)
        for scale in (0.5, 1.0, 1.3)
    ]
    together = {line.key: line.result for line in sweep(phase_of, cells).lines}
    alone = {line.key: line.result for line in sweep(phase_of, cells[::-1], group=1).lines}
    assert together == alone
    assert len(together) == 15
    assert len({result["phase"] for result in together.values()}) >= 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", ["linear", "tanh"])
def test_so_they_are_with_momentum_and_batches(model, method):
    cells = [
        DATA | MODELS[model] | METHODS[method] | {"c": rate, "scale": scale}
        for rate in (0.2, 0.7, 9.0)
        for scale in (1.0, 1.3)
    ]
    together = {line.key: line.result for line in sweep(phase_of, cells).lines}
    alone = {line.key: line.result for line in sweep(phase_of, cells[::-1], group=1).lines}
    assert together == alone
    assert len({result["phase"] for result in together.values()}) >= 2


@pytest.mark.parametrize("method", METHODS)
def test_both_models_train_alike_where_the_network_is_linear(method):
    """The closure from the same weights follows the explicit network, batch by batch."""
    cell = DATA | MODELS["tanh"] | {"activation": "linear"} | METHODS[method]
    explicit = start(cell, [1.0])
    (U, _), (v, _) = explicit.net.split(explicit.start[0])
    closure = start(cell | {"model": "linear"}, [1.0])
    rate = 0.6 / explicit.lambda_0
    found = explicit.train(rate)
    expected = replace(closure, start=closure.model.from_weights(U.T, v)[None]).train(rate)
    np.testing.assert_allclose(found.values["loss"], expected.values["loss"], rtol=1e-8)


def test_no_momentum_and_all_samples_are_what_is_meant_where_nothing_is_said():
    cell = DATA | MODELS["linear"] | {"c": 2.5}
    assert phase_of(cell | {"momentum": 0.0, "batch_size": 0}) == phase_of(cell)
    whole = phase_of(cell | {"batch_size": 12})
    assert whole["peak_loss"] == pytest.approx(phase_of(cell)["peak_loss"])


def test_momentum_takes_the_wide_linear_network_beyond_two():
    """At infinite width heavy ball converges up to c = 2 (1 + beta), here 3.2."""
    cell = DATA | {"model": "linear", "width": "inf", "steps": 400, "momentum": 0.6}
    below, beyond = (phase_of(cell | {"c": rate}) for rate in (3.1, 3.3))
    assert below["last_loss"] < below["first_loss"]
    assert beyond["last_loss"] > 1e6 * beyond["first_loss"]


def test_a_cell_is_what_training_gives():
    cell = DATA | MODELS["tanh"] | {"c": 2.5}
    X, y = datasets.digits()
    rng = np.random.default_rng([0, *b"samples"])
    X, y = datasets.subset(X, y.reshape(-1, 1), 12, rng=rng)
    net = MLP([64, 33, 1], activation="tanh")
    theta = net.init(rng=np.random.default_rng([0, *b"network"]))
    unit = 1 / top_eigenvalue(net, theta, X)
    run = train(net, theta, X, y, learning_rate=2.5 * unit, steps=40, tolerance=1e-4)
    found = run_of(cell)
    np.testing.assert_allclose(found["loss"], run.values["loss"], rtol=1e-9)
    assert found["top_eigenvalue"][0] == pytest.approx(float(1 / unit))
    told = phase_of(cell)
    assert told["phase"] == found["phase"]
    assert told["peak_loss"] == pytest.approx(max(found["loss"]))
    assert told["last_eigenvalue"] == pytest.approx(found["top_eigenvalue"][-1])


def test_one_seed_is_one_network_at_every_rate_and_scale():
    cell = DATA | MODELS["relu"]
    first = {rate: phase_of(cell | {"c": rate})["first_loss"] for rate in (1.0, 3.0)}
    assert first[1.0] == first[3.0]
    other = phase_of(cell | {"c": 1.0, "seed": 1})["first_loss"]
    assert other != first[1.0]
    # The output of depth 2 is cubic in the scale; ReLU keeps its kernel's shape.
    doubled = phase_of(cell | {"c": 1.0, "scale": 2.0})["first_eigenvalue"]
    once = phase_of(cell | {"c": 1.0})["first_eigenvalue"]
    assert doubled == pytest.approx(once * 2**4)


def test_a_diverged_run_has_no_last_loss_and_is_json():
    found = phase_of(DATA | MODELS["linear"] | {"c": 30.0})
    assert found["phase"] == "divergent"
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_data_that_changed_since_the_sweep_began_are_refused(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("1,2,1\n2,1,-1\n")
    cell = DATA | MODELS["linear"] | {"c": 1.0, "samples": 2} | data_entries(file)
    assert phase_of(cell)["phase"] == "lazy"
    file.write_text("1,2,1\n2,1,-2\n")
    with pytest.raises(InputError, match="data must be what they were when the sweep began"):
        phase_of(cell | {"seed": 1})


def test_data_are_known_by_their_digest_wherever_they_lie(tmp_path, monkeypatch):
    (tmp_path / "data.csv").write_text("1,2,1\n2,1,-1\n")
    (tmp_path / "copy.csv").write_text("1,2,1\n2,1,-1\n")
    (tmp_path / "other.csv").write_text("1,2,1\n2,1,-2\n")
    monkeypatch.chdir(tmp_path)
    spelt = [
        "data.csv",
        "./data.csv",
        tmp_path / "data.csv",
        os.path.join("..", tmp_path.name, "data.csv"),
    ]
    entries = [data_entries(path) for path in (*spelt, "copy.csv", "other.csv")]
    assert all(os.path.isabs(each["data"]) for each in entries)
    for function in (phase_of, run_of, boundary_of):
        keys = [identify({"c": 1.0} | each, physics_of(function)).key for each in entries]
        assert len(set(keys[:-1])) == 1
        assert keys[-1] != keys[0]


def test_keys_of_the_digits_are_those_of_before():
    """The key is a hash of ``function/version`` and of the cell's canonical JSON, line by line."""
    cell = DATA | MODELS["linear"] | {"c": 3.3}
    text = "phase_of/3\n" + json.dumps(cell, sort_keys=True, separators=(",", ":"))
    expected = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    assert identify(cell, physics_of(phase_of)).key == expected


@pytest.mark.parametrize("model", ["relu", "tanh"])
@pytest.mark.parametrize("method", [{}, {"momentum": 0.6}], ids=["plain", "momentum"])
def test_the_bytes_of_a_cell_are_those_that_training_and_its_kernel_ask_for(model, method):
    cell = DATA | MODELS[model] | method
    net = MLP([64, *[cell["width"]] * cell["depth"], 1], activation=cell["activation"])
    X, y, theta = np.zeros((12, 64)), np.zeros((12, 1)), np.zeros((16, net.size))

    def asked(call):
        with pytest.raises(InputError, match=r"requires \S+ .?B of memory") as refusal:
            call()
        return allowed_bytes(str(refusal.value).split("requires ")[1].split(" of")[0])

    options = {"learning_rate": 1.0, "steps": 40, "memory_limit": 1}
    options["optimizer"] = HeavyBall(0.6) if method else GradientDescent()
    with threadpool_limits(1):
        of_training = asked(lambda: train(net, theta, X, y, **options))
    of_kernels = asked(lambda: ntk(net, theta, X, memory_limit=1))
    of_kernels += 16 * 8 * 12**2  # a copy in which eigenvalues are found
    found = bytes_of(cell, networks=16, members=16)
    assert found == pytest.approx(theta.nbytes + of_training + of_kernels, rel=0.01)


# These numbers are the physics: where one of them changes, its version goes up.
def test_results_are_pinned_to_the_version_of_the_physics():
    versions = [physics_of(function).name for function in (phase_of, run_of, boundary_of)]
    assert versions == ["phase_of/3", "run_of/3", "boundary_of/5"]
    for model, peak, last in (
        ("linear", 3.6021565588699036, 0.3304277897395823),
        ("relu", 1.2132949103357864, 0.5425378477115137),
    ):
        cell = DATA | MODELS[model] | {"c": 3.3}
        found, run = phase_of(cell), run_of(cell)
        assert found["phase"] == run["phase"] == "catapult"
        assert found["peak_loss"] == pytest.approx(peak, rel=1e-9)
        assert max(run["loss"]) == pytest.approx(peak, rel=1e-9)
        assert found["last_eigenvalue"] == pytest.approx(last, rel=1e-9)
    bracket = boundary_of(DATA | MODELS["tanh"] | {"kind": "end", "tolerance": 0.1})
    assert bracket["lower"] == pytest.approx(3.0075625902052914)
    assert bracket["upper"] == pytest.approx(8.312378961427877)
