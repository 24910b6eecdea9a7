"""``catapult-sim scan``: quantities against the learning rate, and how training is asked for."""

import json

import numpy as np
import pytest

from catapult_sim import cli, plots
from catapult_sim.experiments import phase_cells
from catapult_sim.mlp.network import MLP
from catapult_sim.sweeps.record import read_record

SMALL = ["--model", "mlp", "--width", "12", "--samples", "8", "--steps", "25", "--members", "2"]
CELL = {"model": "mlp", "width": 12, "depth": 1, "activation": "tanh", "scale": 1.0, "c": 1.0}
CELL |= {"inputs": "global", "seed": 0, "data": "digits", "samples": 8, "steps": 25}


def scanned(folder, *arguments):
    assert cli.main(["scan", *SMALL, *arguments, "--out", str(folder), "--no-progress"]) == 0
    return json.loads((folder / "summary.json").read_text())["runs"]


def descend(networks, steps, c, theta, gradient):
    """Plain gradient descent of one network, written out."""
    losses = []
    for _ in range(steps):
        loss, slope = gradient(theta)
        losses.append(loss)
        theta = theta - c / networks.lambda_0[0] * slope
    return theta, losses


def one(cell):
    """Return the networks of a cell, its start, and its loss and gradient."""
    networks = phase_cells.start(cell, [1.0])
    model, X, y = networks.net, networks.X, networks.y
    return networks, networks.start[0], lambda theta: model.loss_and_gradient(theta, X, y)


def jacobian(networks, theta):
    """The Jacobian of the outputs, by complex steps."""
    ahead = theta + 1e-30j * np.eye(len(theta))
    return networks.net.predict(ahead, networks.X)[..., 0].imag.T / 1e-30


def hessian(networks, theta):
    """The Hessian of the loss, by complex steps."""
    ahead = theta + 1e-30j * np.eye(len(theta))
    return networks.net.gradient(ahead, networks.X, networks.y).imag / 1e-30


def test_each_quantity_is_that_of_a_run_written_out(tmp_path):
    names = ["peak", "loss", "curvature", "sharpness"]
    runs = scanned(tmp_path, "--activation", "tanh", "--c", "1:2.2:2", "--of", *names, "accuracy")
    assert [row["c"] for row in runs] == [1.0, 2.2]
    for row in runs:
        networks, theta, gradient = one(CELL)
        end, losses = descend(networks, 25, row["c"], theta, gradient)
        losses.append(gradient(end)[0])
        J, H = jacobian(networks, end), hessian(networks, end)
        expected = {
            "peak": max(losses) / losses[0],
            "loss": losses[-1] / losses[0],
            "curvature": np.linalg.eigvalsh(J @ J.T / 8)[-1] / networks.lambda_0[0],
            "sharpness": np.linalg.eigvalsh(H)[-1] / networks.lambda_0[0],
        }
        for name in names:
            assert row[name][0] == pytest.approx(expected[name], rel=1e-6)


def test_accuracy_is_that_on_samples_that_are_not_trained_on(tmp_path):
    data = tmp_path / "d.npz"
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    np.savez(data, X=X, y=np.where(rng.normal(size=20) > 0, 1.0, -1.0))
    cell = CELL | phase_cells.data_entries(data)
    seen = phase_cells.start(cell, [1.0]).X
    held_out, labels = phase_cells._held_out(cell)
    assert len(held_out) == len(labels) == 12
    assert not (held_out[:, None] == seen).all(axis=-1).any()
    runs = scanned(tmp_path / "out", "--data", str(data), "--c", "1:2:2", "--of", "accuracy")
    assert all((np.array(row["accuracy"]) * 12 % 1).round(9).sum() == 0 for row in runs)


@pytest.mark.parametrize(
    ("y", "samples", "said"),
    [
        (np.linspace(0, 1, 20), "8", "accuracy of a single output needs two different labels"),
        (np.arange(20.0) % 2, "20", "accuracy needs samples that are not trained on"),
    ],
)
def test_accuracy_without_classes_or_other_samples_is_refused(y, samples, said, tmp_path, capsys):
    data, out = tmp_path / "own.npz", tmp_path / "out"
    np.savez(data, X=np.random.default_rng(0).normal(size=(20, 4)), y=y)
    command = ["scan", "--model", "mlp", "--of", "accuracy", "--samples", samples]
    assert cli.main([*command, "--data", str(data), "--out", str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_equal_time_is_more_steps_at_smaller_rates(tmp_path):
    scanned(tmp_path, "--c", "1:4:3", "--time", "10")
    steps = {line.cell["c"]: line.cell["steps"] for line in read_record(tmp_path / "records.jsonl")}
    assert steps == {1.0: 10, 2.0: 5, 4.0: 2}


def test_a_lower_rate_at_the_end_goes_on_from_there(tmp_path):
    options = ["--activation", "tanh", "--c", "2.5:3:2", "--of", "loss"]
    (row, _) = scanned(tmp_path, *options, "--decay-to", "0.5:40")
    networks, theta, gradient = one(CELL)
    end, _ = descend(networks, 25, 2.5, theta, gradient)
    end, _ = descend(networks, 40, 0.5, end, gradient)
    assert row["loss"][0] == pytest.approx(gradient(end)[0] / gradient(theta)[0], rel=1e-9)


def test_the_regulariser_is_in_units_of_the_first_curvature():
    cell = CELL | {"regularizer": 0.3, "steps": 4}
    networks, theta, gradient = one(cell)
    found = phase_cells.run_at(networks, [0.8]).state[0]
    for _ in range(4):
        slope = gradient(theta)[1]
        product = networks.net.hessian_product(theta, networks.X, networks.y, slope)
        penalty = 0.3 / networks.lambda_0[0] / 2 * product
        theta = theta - 0.8 / networks.lambda_0[0] * (slope + penalty)
    np.testing.assert_allclose(found, theta, rtol=1e-10)


def test_a_nudge_multiplies_the_step_along_the_sharpest_directions():
    cell = CELL | {"nudge": "0.1:2", "steps": 1}
    networks, theta, gradient = one(cell)
    found = phase_cells.run_at(networks, [0.8]).state[0]
    step = -0.8 / networks.lambda_0[0] * gradient(theta)[1]
    V = np.linalg.eigh(hessian(networks, theta))[1][:, -2:]
    np.testing.assert_allclose(found - theta, step - 0.9 * V @ (V.T @ step), atol=1e-6)


def test_the_average_is_that_of_the_weights_along_the_run(tmp_path):
    (row, _) = scanned(
        tmp_path,
        "--activation",
        "tanh",
        "--c",
        "1:2:2",
        "--average",
        "swa:0",
        "--of",
        "average_loss",
    )
    networks, theta, gradient = one(CELL)
    visited = [theta]
    for _ in range(25):
        theta, _ = descend(networks, 1, 1.0, theta, gradient)
        visited.append(theta)
    expected = gradient(np.mean(visited, axis=0))[0] / gradient(visited[0])[0]
    assert row["average_loss"][0] == pytest.approx(expected, rel=1e-9)


def test_nesterov_is_not_the_heavy_ball():
    cell = CELL | {"momentum": 0.5, "steps": 3}
    heavy, ahead = (
        phase_cells.run_at(one(cell | more)[0], [0.8]).state[0]
        for more in ({}, {"optimizer": "nesterov"})
    )
    networks, theta, gradient = one(cell)
    last = np.zeros_like(theta)
    for _ in range(3):
        last = 0.5 * last - 0.8 / networks.lambda_0[0] * gradient(theta + 0.5 * last)[1]
        theta = theta + last
    np.testing.assert_allclose(ahead, theta, rtol=1e-10)
    assert not np.allclose(heavy, ahead)


def test_entries_of_a_cell_choose_the_network():
    more = {"biases": 0.05, "gain": "lecun", "parametrization": "standard"}
    assert repr(phase_cells.start(CELL | more, [1.0]).net) == repr(
        MLP([64, 12, 1], activation="tanh", biases=0.05, gain="lecun", parametrization="standard")
    )


def test_lambda_0_of_cross_entropy_is_that_of_its_curvature(tmp_path):
    data, rng = tmp_path / "ten.npz", np.random.default_rng(0)
    np.savez(data, X=rng.normal(size=(20, 3)), y=np.eye(4)[rng.integers(4, size=20)])
    cell = CELL | phase_cells.data_entries(data)
    squared, crossed = (
        phase_cells.start(cell | more, [1.0]) for more in ({}, {"loss": "cross_entropy"})
    )
    ratio = crossed.lambda_0 / squared.lambda_0
    assert ratio == pytest.approx(crossed.net.loss_function.curvature)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nudge", "0.1"], "GAMMA:K"),
        (["--average", "mean:3"], "ema:DECAY or swa:START"),
        (["--average", "ema:2"], "decay must satisfy"),
        (["--decay-to", "0:3"], "C:STEPS"),
    ],
)
def test_an_option_that_cannot_be_read_is_refused(arguments, said, capsys):
    with pytest.raises(SystemExit):
        cli.main(["scan", *arguments])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nudge", "0.1:1"], "--nudge is for --model mlp"),
        (["--of", "accuracy"], "--of accuracy is for --model mlp"),
        (["--model", "mlp", "--of", "average_loss"], "needs --average"),
        (["--model", "mlp", "--loss", "cross_entropy"], "targets of at least 0"),
        (["--model", "mlp", "--gain", "big"], "gain must be"),
        (["--c", "3:1:4"], "must end above its start"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments, said, tmp_path, capsys):
    assert cli.main(["scan", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_figure_names_phases_and_boundaries_and_marks_what_diverged():
    phases = ["lazy", "catapult", "undecided", "divergent"]
    rows = [
        {"c": c, "phases": [phase], "peak": [c]}
        for c, phase in zip([1.0, 3.0, 5.0, 9.0], phases, strict=True)
    ]
    panel, strip = plots.scan(rows, ["peak"]).axes
    names = {text.get_text() for text in strip.get_legend().get_texts()}
    assert names == set(phases)
    assert {text.xy[0] for text in panel.texts} == {2.0, 4.0}
    (crosses,) = [line for line in panel.lines if line.get_marker() == "x"]
    assert crosses.get_xdata().tolist() == [9.0]
    assert panel.lines[0].get_markersize() >= 6
    _, strip = plots.scan(rows[:1], ["peak"]).axes
    assert [text.get_text() for text in strip.get_legend().get_texts()] == ["lazy"]


def test_divergent_runs_are_not_drawn():
    rows = [
        {"c": 1.0, "phases": ["lazy", "lazy"], "peak": [1.0, 1.0]},
        {"c": 5.0, "phases": ["catapult", "divergent"], "peak": [3.0, 1e200]},
    ]
    ax = plots.plot_scan(rows, "peak")
    first, second, mean = (line.get_ydata() for line in ax.lines[:3])
    assert np.isnan([second[1], mean[1]]).all()
    assert first[1] == 3.0
    assert [line.get_xdata()[0] for line in ax.lines[3:5]] == [2.0, 4.0]
