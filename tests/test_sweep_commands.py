"""Commands that sweep, as a user meets them: begun, stopped, resumed, drawn half done."""

import itertools
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from catapult_sim import cli, plots
from catapult_sim.commands import boundary, phase_diagram, simulate
from catapult_sim.commands.diagram import Diagram, axis
from catapult_sim.commands.titles import title
from catapult_sim.experiments import phase_cells
from catapult_sim.memory import allowed_bytes
from catapult_sim.sweeps.record import Line, read_record, settled

SMALL = ["--samples", "8", "--steps", "60"]
DIAGRAM = ["phase-diagram", *SMALL, "--x", "c=1:8:17", "--y", "width=8:512:9"]
BOUNDARY = ["boundary", *SMALL, "--members", "3", "--width", "1000", "--tolerance", "0.1"]
BOUNDARY += ["--kinds", "rise", "end"]
SIMULATE = ["simulate", *SMALL, "--c", "1", "3"]

SCAN = ["scan", *SMALL, "--c", "0.5:8:5", "--members", "2"]

COMMANDS = [DIAGRAM, BOUNDARY, SIMULATE, SCAN]

# A shell may have told its background jobs to ignore Ctrl-C.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from catapult_sim.__main__ import main; sys.exit(main())"
)

# A record that is slow to write to: there is always time to stop what writes it.
SLOWLY = (
    "import time; from catapult_sim.sweeps.record import _File; append = _File.append; "
    "_File.append = lambda *given: (append(*given), time.sleep(0.2)); "
)


def run(arguments, out):
    return cli.main([*arguments, "--out", str(out)])


def lines_of(folder):
    return sorted((folder / "records.jsonl").read_bytes().splitlines(keepends=True))


def files_of(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished folder for each command, by the command's name; to be left alone."""
    folders = {}
    for command in COMMANDS:
        folders[command[0]] = tmp_path_factory.mktemp(command[0])
        assert run(command, folders[command[0]]) == 0
    return folders


@pytest.fixture
def finished(made):
    return made["phase-diagram"]


def test_a_diagram_is_a_folder_with_its_options_record_summary_and_figure(finished):
    assert files_of(finished) == {
        "config.json",
        "records.jsonl",
        "records.jsonl.lock",
        "summary.json",
        "phase-diagram.png",
        "phase-diagram.svg",
    }
    config = json.loads((finished / "config.json").read_text())
    assert config["options"]["x"] == "c=1:8:17"
    assert config["cell"]["samples"] == 8
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["cells"] == 17 * 9
    assert summary["computed"] == len(lines_of(finished)) / (17 * 9)
    assert sum(summary["phases"].values()) == pytest.approx(1)
    assert set(summary["phases"]) >= {"lazy", "catapult", "divergent"}


@pytest.mark.parametrize(
    ("axes", "levels"), [(["c=0.5:8:9", "width=16:256:5"], 2), (["c=0.5:8:4", "width=8:9:2"], 0)]
)
def test_levels_are_lowered_to_what_the_axes_allow(axes, levels, tmp_path, capsys):
    arguments = ["phase-diagram", "--samples", "32", "--steps", "1", "--x", axes[0], "--y", axes[1]]
    assert run(arguments, tmp_path) == 0
    assert json.loads((tmp_path / "config.json").read_text())["options"]["levels"] == levels
    said = capsys.readouterr().out
    assert "most cells are undecided: more --steps than 1 may help, or --model mlp" in said


def test_a_refined_diagram_is_the_full_one_at_a_fraction_of_the_cells(finished, tmp_path):
    assert run([*DIAGRAM, "--levels", "0"], tmp_path) == 0
    full = json.loads((tmp_path / "summary.json").read_text())
    assert full["computed"] == 1
    found = json.loads((finished / "summary.json").read_text())
    assert found["computed"] < 0.6
    # But for islands of single cells.
    for phase, share in full["phases"].items():
        assert found["phases"].get(phase, 0) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_the_same_command_again_computes_nothing(command, made, tmp_path, capsys):
    shutil.copytree(made[command[0]], tmp_path, dirs_exist_ok=True)
    assert run([*command, "--resume", "--json"], tmp_path) == 0
    printed = capsys.readouterr()
    assert "0 cells computed" in printed.err
    assert json.loads(printed.out) == json.loads((tmp_path / "summary.json").read_text())
    for path in made[command[0]].iterdir():
        if path.name != "config.json":
            assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_overwrite_forgets_what_was_there(made, tmp_path, capsys):
    shutil.copytree(made["boundary"], tmp_path, dirs_exist_ok=True)
    assert run([*BOUNDARY, "--seed", "9", "--overwrite"], tmp_path) == 0
    assert "6 cells computed, 0 found in the record" in capsys.readouterr().err
    assert not set(lines_of(tmp_path)) & set(lines_of(made["boundary"]))


def test_two_workers_leave_the_record_of_one(finished, tmp_path):
    assert run([*DIAGRAM, "--workers", "2"], tmp_path) == 0
    assert lines_of(tmp_path) == lines_of(finished)


def test_progress_is_drawn_where_it_is_asked_for(tmp_path, capsys):
    run([*SIMULATE, "--progress"], tmp_path)
    assert "2/2" in capsys.readouterr().err
    run([*SIMULATE, "--no-progress"], tmp_path)
    assert "2/2" not in capsys.readouterr().err


def test_a_partial_batch_is_left_out_and_said(tmp_path, capsys):
    assert run([*SIMULATE, "--batch-size", "3"], tmp_path) == 0
    assert "batches of 3: each epoch leaves out 2 of the 8 samples" in capsys.readouterr().err


def test_a_boundary_is_that_of_theory(tmp_path, capsys):
    command = ["boundary", "--samples", "8", "--width", "1e9", "--members", "2", "--steps", "900"]
    assert run([*command, "--kinds", "rise", "end"], tmp_path) == 0
    rise, end = json.loads((tmp_path / "summary.json").read_text())["boundaries"]
    assert (rise["boundary"], end["boundary"]) == ("rise", "end")
    assert rise["value"] == pytest.approx(2, rel=0.03)
    assert end["value"] == pytest.approx(4, rel=0.03)
    row = r"rise: the loss exceeds its start .* ntk +900 +2\.\d+\(\d\) +([\d.]+)\(\d+\) +2 "
    eta = float(re.search(row, capsys.readouterr().out)[1])
    results = [line.result for line in read_record(tmp_path / "records.jsonl")]
    ends = [one["lower"] / one["lambda_0"] for one in results if one["upper"] < 3]
    assert eta == pytest.approx(np.mean(ends), rel=0.05)


def test_thresholds_of_the_first_steps_are_kept_by_shape_curvature_and_kind(tmp_path, capsys):
    command = ["boundary", "--model", "mlp", "--samples", "8", "--members", "2"]
    command += ["--tolerance", "0.2", "--width", "8", "16", "--activation", "tanh", "relu"]
    assert run([*command, "--curvature", "hessian", "ntk"], tmp_path) == 0
    rows = json.loads((tmp_path / "summary.json").read_text())["boundaries"]
    places = [(row["activation"], row["width"], row["curvature"], row["boundary"]) for row in rows]
    kinds = ("loss", "sharp", "barrier", "max")
    axes = ("relu", "tanh"), (8, 16), ("ntk", "hessian"), kinds
    assert places == list(itertools.product(*axes))
    assert {row["steps"] for row in rows} == {10}
    for row in rows:
        assert row["at_most"] == any(lower == 0 for lower, _ in row["brackets"])
        assert row["text"].startswith("<= ") == (row["at_most"] and not row["at_least"])
    # Other kinds of the same networks join the folder, where nothing is computed twice.
    capsys.readouterr()
    assert run([*command, "--kinds", "loss", "rise"], tmp_path) == 0
    assert "8 cells computed, 8 found in the record" in capsys.readouterr().err
    rows = json.loads((tmp_path / "summary.json").read_text())["boundaries"]
    assert [row["steps"] for row in rows if row["boundary"] == "rise"] == [300] * 4
    assert len(rows) == 36


def test_a_record_from_before_there_were_thresholds_is_drawn(made, tmp_path):
    """Its cells name neither curvature, and its options no kinds and one width."""
    shutil.copytree(made["boundary"], tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    assert not any("curvature" in line.cell for line in read_record(tmp_path / "records.jsonl"))
    options = {k: v for k, v in config["options"].items() if k not in ("kinds", "curvature")}
    (tmp_path / "config.json").write_text(json.dumps(config | {"options": options | {"width": 9}}))
    before = (tmp_path / "boundary.svg").read_bytes()
    assert cli.main(["figures", "--from", str(tmp_path)]) == 0
    assert (tmp_path / "boundary.svg").read_bytes() == before


def test_the_linear_network_has_all_thresholds_but_the_barrier(tmp_path):
    command = ["boundary", "--samples", "8", "--members", "2", "--width", "64", "inf"]
    assert run([*command, "--tolerance", "0.1"], tmp_path) == 0
    rows = json.loads((tmp_path / "summary.json").read_text())["boundaries"]
    kinds = ["loss", "sharp", "max"]
    assert [(row["width"], row["boundary"]) for row in rows] == [
        (width, kind) for width in (64, "inf") for kind in kinds
    ]


def test_a_simulation_names_phases_and_keeps_every_step(tmp_path, capsys):
    assert run([*SIMULATE, "--c", "1", "9", "--steps", "300"], tmp_path) == 0
    assert re.search(r"9 +divergent", capsys.readouterr().out)
    by_rate = {line.cell["c"]: line.result for line in read_record(tmp_path / "records.jsonl")}
    loss = np.array(by_rate[1.0]["loss"])
    assert loss[-1] <= 1e-4 * loss[0] < loss[-2]
    assert len(by_rate[1.0]["top_eigenvalue"]) == len(loss)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_figures_are_drawn_from_what_exists_when_it_is_half_done(command, made, tmp_path, capsys):
    shutil.copytree(made[command[0]], tmp_path, dirs_exist_ok=True)
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.*g")}
    assert len(whole) == 2
    for path in whole:
        path.unlink()
    assert cli.main(["figures", "--from", str(tmp_path)]) == 0
    assert {path: path.read_bytes() for path in whole} == whole  # the same, from the record
    half = lines_of(tmp_path)[:1]
    (tmp_path / "records.jsonl").write_bytes(b"".join(half) + b'{"key": "to')
    assert cli.main(["figures", "--from", str(tmp_path), "--out", str(tmp_path / "half")]) == 0
    assert files_of(tmp_path / "half") == {path.name for path in whole}
    printed = capsys.readouterr().out.splitlines()[-1]
    assert (tmp_path / "half" / printed.rsplit("/", 1)[1]).exists()
    assert (tmp_path / "records.jsonl").read_bytes().endswith(b'{"key": "to')


def test_every_figure_names_data_steps_and_seeds(made, monkeypatch, tmp_path):
    figures = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure))
    for folder in made.values():
        assert cli.main(["figures", "--from", str(folder), "--out", str(tmp_path)]) == 0
    diagram, boundary, runs, scan = (one.get_suptitle().replace("\n", " ") for one in figures)
    data = "8 samples of handwritten digits; 60 steps"
    assert diagram == f"linear network, scale 1; {data}, seed 0"
    assert boundary == f"linear network, width 1000, scale 1; {data}, seeds 0 to 2"
    assert runs == f"linear network, width 512, scale 1; {data}, seed 0"
    assert scan == f"linear network, width 512, scale 1; {data}, seeds 0 to 1"


def test_a_title_leaves_to_the_axes_what_differs():
    cell = {"model": "mlp", "activation": "relu", "depth": 2, "width": 64, "scale": 0.5, "c": 3.0}
    cell |= {"momentum": 0.9, "batch_size": 4, "seed": 7, "samples": 8, "data": "/a/b.csv"}
    cells = [cell | {"steps": 300}, cell | {"steps": 10, "activation": "tanh", "c": 4.0}]
    assert title(cells[:1], apart=["scale", "c"]) == (
        "relu network, depth 2, width 64, momentum 0.9, batch size 4; 8 samples of b.csv; "
        "300 steps, seed 7"
    )
    assert title(cells) == (
        "mlp network, depth 2, width 64, scale 0.5, momentum 0.9, batch size 4; 8 samples of "
        "b.csv; 10 or 300 steps, seed 7"
    )


def test_what_is_not_computed_stays_blank(finished):
    config = json.loads((finished / "config.json").read_text())
    lines = settled(read_record(finished / "records.jsonl"))
    diagram = Diagram(axis("c=1:8:17"), axis("width=8:512:9"), config["cell"], 3)
    assert (diagram.recorded(lines) >= 0).all()
    half = {key: line for key, line in lines.items() if line.cell["c"] < 2}
    codes = diagram.recorded(half)
    assert (codes[0] >= 0).all()
    assert (codes[8:] == -1).all()


def test_an_empty_record_has_no_figure_but_a_diagrams(made, tmp_path, capsys):
    for command in ("boundary", "simulate"):
        shutil.copytree(made[command], tmp_path, dirs_exist_ok=True)
        (tmp_path / "records.jsonl").write_text("")
        assert cli.main(["figures", "--from", str(tmp_path)]) == 2
        assert "must hold at least one finished cell" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "\udcff",
        '{"options": {"command": "phase-diagram"}, "cell": null}',
        '{"options": {"command": "phase-diagram", "x": 3, "y": "c=1:2:3"}, "cell": {}}',
        '{"options": {"command": "verify"}}',
        '{"options": {"command": ["simulate"]}}',
    ],
    ids=range(7),
)
def test_a_folder_whose_settings_are_damaged_is_refused_in_one_sentence(text, tmp_path, capsys):
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "records.jsonl").touch()
    assert cli.main(["figures", "--from", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("catapult-sim figures: ")
    assert " must " in line
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("signal_sent", "status", "word", "workers"),
    [(signal.SIGINT, 130, "interrupted", "2"), (signal.SIGTERM, 143, "terminated", "1")],
)
def test_a_stopped_command_says_how_to_go_on_and_does(
    signal_sent, status, word, workers, finished, tmp_path
):
    command = [*DIAGRAM, "--out", str(tmp_path), "--workers", workers]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY + PROGRAM, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    record = tmp_path / "records.jsonl"
    with process:
        while process.poll() is None and not (record.exists() and record.stat().st_size):
            time.sleep(1e-3)
        process.send_signal(signal_sent)
        out, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert out == ""
    expected = f"{word}; finished cells are in {tmp_path}; to continue, run the same command again"
    assert err.splitlines()[-1] == f"catapult-sim phase-diagram: {expected}"
    assert "Traceback" not in err
    kept = lines_of(tmp_path)
    assert all(line.endswith(b"\n") for line in kept)
    assert 0 < len(kept) < len(lines_of(finished))
    assert run(DIAGRAM, tmp_path) == 0
    assert lines_of(tmp_path) == lines_of(finished)


INTERRUPTED_POOL = """
import argparse, time
from catapult_sim.commands.sweeping import _executor

with _executor(argparse.Namespace(scheduler=None, workers=2)) as pool:
    cells = [pool.submit(time.sleep, 60) for _ in range(20)]
    while not any(cell.running() for cell in cells):
        time.sleep(0.01)
    for cell in cells:
        cell.cancel()
    raise KeyboardInterrupt("stop")
"""


def test_workers_that_are_stopped_with_cells_withdrawn_are_stopped_in_silence():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_POOL], capture_output=True, text=True, timeout=30
    )
    assert done.stderr.endswith("KeyboardInterrupt: stop\n")
    assert done.stderr.count("Traceback") == 1


def test_a_full_disk_gets_one_sentence_and_leaves_whole_lines(finished, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *DIAGRAM, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2  # the first says what the data are
    assert "record must be on a disk with room (File too large)" in done.stderr
    assert "to continue, run the same command again" in done.stderr
    kept = lines_of(tmp_path)
    assert kept
    assert set(kept) < set(lines_of(finished))


def test_a_figure_that_does_not_fit_leaves_no_half_of_itself(made, tmp_path):
    shutil.copytree(made["simulate"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "simulation.png").unlink()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "figures", "--from", str(tmp_path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert files_of(tmp_path) == files_of(made["simulate"]) - {"simulation.png"}


def test_undecided_runs_are_explained(tmp_path, capsys):
    assert run([*SIMULATE, "--steps", "2"], tmp_path) == 0
    said = "undecided: not divergent, but the loss has not come down to 0.1 of its start"
    assert said in capsys.readouterr().out
    assert run([*SIMULATE, "--steps", "60", "--overwrite"], tmp_path) == 0
    assert said not in capsys.readouterr().out


def test_undecided_cells_of_a_diagram_are_explained(tmp_path, capsys):
    command = ["phase-diagram", "--samples", "8", "--x", "c=1:8:9", "--y", "width=8:64:9"]
    assert run([*command, "--steps", "1"], tmp_path) == 0
    assert "undecided: not divergent, but the loss" in capsys.readouterr().out


@pytest.fixture
def unfit(tmp_path):
    """Labels that no function of the inputs has: two of each sample, of either sign."""
    X = np.random.default_rng(0).normal(size=(8, 2)).repeat(2, axis=0)
    np.savez(tmp_path / "unfit.npz", X=X, y=np.tile([-1.0, 1.0], 8))
    return ["--data", str(tmp_path / "unfit.npz"), "--samples", "16", "--width", "64"]


def test_data_in_which_nothing_varies_are_refused(tmp_path, capsys):
    for name, lines in (("one", "1,2,1\n"), ("constant", "1,2,1\n1,2,-1\n1,2,1\n")):
        (tmp_path / f"{name}.csv").write_text(lines)
        command = ["simulate", "--data", str(tmp_path / f"{name}.csv"), "--samples", "1"]
        assert run(command, tmp_path / "out") == 2
        said = capsys.readouterr().err
        assert "X must have an input that varies between samples; got" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_where_no_rate_converges_convergence_has_no_end(model, unfit, tmp_path, capsys):
    command = ["boundary", *unfit, "--model", model, "--members", "2", "--tolerance", "0.1"]
    assert run([*command, "--steps", "40", "--kinds", "rise", "end"], tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert "none converged: at no learning rate that was tried did the loss come down" in out
    assert "fewer --samples" in out
    rise, end = json.loads((tmp_path / "out" / "summary.json").read_text())["boundaries"]
    assert rise["value"] > 1
    assert (end["value"], end["error"], end["text"]) == (None, None, "none converged")


def test_where_some_seeds_converge_the_others_are_not_averaged_as_zero():
    cell = {"model": "linear", "width": 9, "kind": "end", "steps": 9}
    brackets = [{"lower": 0.0, "upper": None, "windows": []}]
    brackets += [{"lower": 3.9, "upper": 4.1, "windows": []}]
    lines = [Line("k", "boundary_of/1", cell, result) for result in brackets]
    row = boundary._row(cell, lines)
    assert (row["value"], row["n"], row["at_least"]) == (4.0, 1, False)
    assert re.search(r" 1 of 2 +0$", boundary._words([row]))


def test_re_entries_are_explained_where_there_are_some():
    cell = {"model": "linear", "width": 9, "kind": "end", "steps": 9}
    for windows in ([], [4.5, 4.7]):
        result = {"lower": 3.9, "upper": 4.1, "windows": windows}
        words = boundary._words([boundary._row(cell, [Line("k", "boundary_of/3", cell, result)])])
        assert re.search(rf" {len(windows)}$", words.splitlines()[1])
        assert ("re-entries: learning rates beyond" in words) == bool(windows)


def test_losses_beyond_every_bound_are_drawn_nowhere():
    lost = {"phase": "divergent", "loss": [None, None], "top_eigenvalue": [0.5, None]}
    plots.runs({1.0: lost}).canvas.draw()
    assert simulate._row(1.0, lost)["peak loss"] is None


def test_a_failed_cell_gives_status_1_and_leaves_a_hole(tmp_path, capsys, monkeypatch):
    def start(cell, scales, real=phase_cells.start):
        if cell.get("c") == 8.0:
            raise RuntimeError("no such network")
        return real(cell, scales)

    monkeypatch.setattr(phase_cells, "start", start)
    assert run([*SIMULATE, "--c", "1", "8"], tmp_path) == 1
    captured = capsys.readouterr()
    said = "1 cell computed, 0 found in the record; 1 failed, with tracebacks in the record"
    assert said in captured.err
    assert re.search(r"1 +lazy", captured.out)
    monkeypatch.undo()
    assert run([*SIMULATE, "--c", "1", "8"], tmp_path) == 0


def test_a_machine_without_git_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(SIMULATE, tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "config.json").read_text())["commit"] is None


def test_a_torn_line_is_said(made, tmp_path, capsys):
    shutil.copytree(made["simulate"], tmp_path, dirs_exist_ok=True)
    with (tmp_path / "records.jsonl").open("ab") as record:
        record.write(b'{"key": "ab')
    run(SIMULATE, tmp_path)
    assert "1 torn or altered line dropped" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*DIAGRAM, "--x", "c"], "an axis must be c=, width=, scale= or momentum=LOW:HI"),
        ([*DIAGRAM, "--x", "colour=1:2:3"], "an axis must be .* got 'colour=1:2:3'"),
        ([*DIAGRAM, "--x", "c=2:1:9"], "axis c must end above its start"),
        ([*DIAGRAM, "--x", "c=0:1:9"], "ends of axis c must be positive; got 0"),
        ([*DIAGRAM, "--levels", "3", "--x", "c=1:2:10"], "must be a multiple of 8 .* and one more"),
        ([*DIAGRAM, "--x", "c=1:2:2.5"], "points of axis c must be an integer .* got 2.5"),
        ([*DIAGRAM, "--x", "c=1:2:nan"], "points of axis c must be an integer .* got nan"),
        ([*DIAGRAM, "--x", "c=1:2:inf"], "points of axis c must be an integer .* got inf"),
        ([*DIAGRAM, "--y", "width=0.5:8:9"], "ends of axis width must be integers; got 0.5:8"),
        ([*DIAGRAM, "--y", "batch_size=0.5:4"], "ends of axis batch_size must be integers; got 0"),
        ([*DIAGRAM, "--y", "depth=1.5:4", "--model", "mlp"], "axis depth must be integers; got 1"),
        ([*DIAGRAM, "--model", "mlp", "--depth", "100000000"], "depth must be at most 9998; got 1"),
        ([*DIAGRAM, "--c", "-3"], "--c must be positive; got -3"),
        ([*DIAGRAM, "--c", "nan"], "--c must be finite; got nan"),
        ([*DIAGRAM, "--x", "c=1:2:100001", "--y", "width=1:9:100001"], "at most 100,000,000 cells"),
        (
            [*DIAGRAM, "--x", "c=1:2:9001", "--y", "width=1:9:9001", "--levels", "0"],
            "the coarse grid of a diagram must have at most 10,000,000 cells",
        ),
        ([*DIAGRAM, "--x", "width=1:9:9"], "--x and --y must differ; got width twice"),
        ([*DIAGRAM, "--x", "depth=1:3"], "depth is an axis of --model mlp"),
        ([*DIAGRAM, "--x", "depth=1:3:3"], "or depth= or batch_size=LOW:HIGH; got 'depth=1:3:3'"),
        ([*DIAGRAM, "--y", "momentum=0:1:9"], "momentum must satisfy 0 <= momentum < 1"),
        (
            [*DIAGRAM, "--y", "batch_size=1:16"],
            "batch_size must be at most the number of .* 8;",
        ),
        ([*DIAGRAM, "--momentum", "-0.1"], "momentum must satisfy 0 <= momentum < 1; got -0.1"),
        (
            [*DIAGRAM, "--batch-size", "9"],
            "batch_size must be at most .* 8; got 9",
        ),
        ([*DIAGRAM, "--batch-size", "0"], "--batch-size must be an integer of at least 1; got 0"),
        ([*DIAGRAM, "--levels", "1000000000"], "levels must be at most 100000000; got"),
        (
            [*DIAGRAM, "--model", "mlp", "--y", "depth=1:1000000000"],
            "axis depth must have at most 10000000 points; got 1e[+]09",
        ),
        ([*DIAGRAM, "--levels", "-1"], "levels must be an integer of at least 0; got -1"),
        ([*DIAGRAM, "--workers", "0"], "--workers must be an integer of at least 1; got 0"),
        ([*DIAGRAM, "--scheduler", "x://y"], "--scheduler must be the address of a running dask"),
        ([*DIAGRAM, "--activation", "tanh"], "--activation is for --model mlp; got --activation"),
        ([*DIAGRAM, "--seed", "-1"], "--seed must be an integer of at least 0; got -1"),
        ([*DIAGRAM, "--data", "absent.csv"], "absent.csv must be a readable file; No such"),
        (
            [*SIMULATE, "--samples", "9999"],
            "samples must be at most 1797, the size of the data; got",
        ),
        ([*SIMULATE, "--c", "-1"], "--c must be positive; got -1"),
        ([*SIMULATE, "--width", "0"], "width must be a positive integer or infinity; got 0"),
        ([*SIMULATE, "--model", "mlp", "--width", "inf"], "--width must be an integer .* 'inf'"),
        ([*SIMULATE, "--scale", "1e200"], "top kernel eigenvalue of the data .* must be finite"),
        ([*SIMULATE, "--scale", "0"], "scale must be positive; got 0"),
        ([*BOUNDARY, "--members", "0"], "--members must be an integer of at least 1; got 0"),
        ([*BOUNDARY, "--tolerance", "0"], "--tolerance must be positive; got 0"),
        ([*BOUNDARY, "--kinds", "barrier"], "--kinds barrier is for --model mlp; got model linear"),
        ([*BOUNDARY, "--width", "9", "0"], "width must be a positive integer or infinity; got 0"),
        (["figures", "--from", "absent"], "--from must be the folder of a phase-diagram"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # dask's, at its import
def test_a_wrong_call_gets_one_sentence_and_leaves_nothing(tmp_path, arguments, sentence, capsys):
    out = tmp_path / "out"
    assert run(arguments, out) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert re.search(sentence, printed.err)
    assert not out.exists()


def test_data_that_changed_are_named_and_not_their_digests(tmp_path, capsys):
    data, out = tmp_path / "data.npz", tmp_path / "out"
    for seed, status in ((0, 0), (1, 2)):
        X = np.random.default_rng(seed).normal(size=(8, 2))
        np.savez(data, X=X, y=X[:, 0])
        assert run(["simulate", *SMALL, "--data", str(data), "--c", "1"], out) == status
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"the content of {data} has changed since {out} was begun")


DAMAGED = [
    "",
    "{",
    "null",
    "[]",
    "3",
    "{}",
    '{"options": null}',
    "[" * 10**5,
    "\udcff",
    '{"a": NaN}',
]
DAMAGED += ['{"options": {"command": "simulate"}, "cell": null}', '{"options": {"command": 3}}']


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_config_that_no_command_wrote_is_refused_and_left_alone(text, made, tmp_path, capsys):
    shutil.copytree(made["simulate"], tmp_path, dirs_exist_ok=True)
    content = text.encode("utf-8", "surrogateescape")
    (tmp_path / "config.json").write_bytes(content)
    assert run(SIMULATE, tmp_path) == 2
    said = f"{tmp_path}/config.json is of another program, or damaged\n"
    assert capsys.readouterr().err.endswith(said)
    assert cli.main(["figures", "--from", str(tmp_path)]) == 2
    assert "with its config.json; got" in capsys.readouterr().err
    assert (tmp_path / "config.json").read_bytes() == content
    assert run([*SIMULATE, "--overwrite"], tmp_path) == 0


@pytest.mark.parametrize(
    "change",
    [{"x": None}, {"x": 5}, {"levels": 10**9}, {"levels": "many"}, {"y": "width=8:512:99999999"}],
)
def test_a_diagram_of_altered_options_is_refused_in_a_sentence(change, finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    config = json.loads((finished / "config.json").read_text())
    config["options"] |= change
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert cli.main(["figures", "--from", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_same_data_are_the_same_sweep_however_they_are_spelt(tmp_path, monkeypatch, capsys):
    X = np.random.default_rng(0).normal(size=(8, 2))
    np.savez(tmp_path / "data.npz", X=X, y=X[:, 0])
    monkeypatch.chdir(tmp_path)
    for path, known in (("data.npz", 0), ("./data.npz", 1), (f"{tmp_path}/data.npz", 1)):
        command = ["simulate", *SMALL, "--data", path, "--c", "1"]
        assert run(command, tmp_path / "out") == 0
        assert f"{known} found in the record" in capsys.readouterr().err
    (line,) = read_record(tmp_path / "out" / "records.jsonl")
    assert line.cell["data"] == str(tmp_path / "data.npz")  # for workers begun elsewhere
    assert run(["simulate", *SMALL, "--c", "1"], tmp_path / "out") == 2
    said = f"{tmp_path / 'out'} has data {tmp_path / 'data.npz'}, this one digits"
    assert said in capsys.readouterr().err


def test_a_diagram_draws_one_network_to_see_whether_all_can_be_drawn(monkeypatch):
    drawn = []
    monkeypatch.setattr(phase_cells, "start", lambda cell, scales: drawn.append(cell))
    asked = ["--samples", "12", "--x", "momentum=0:0.8:9", "--y", "batch_size=3:12"]
    diagram = phase_diagram._diagram(
        cli._parser(["phase-diagram"]).parse_args(["phase-diagram", *asked])
    )
    assert [cell["batch_size"] for cell in drawn] == [12]
    assert {cell["batch_size"] for cell in diagram.corners} == {3, 12}


MLP = ["--model", "mlp", "--samples", "8"]
SCALE = ["--y", "scale=0.5:2:9"]
TOO_LARGE = {
    "at its base": ["simulate", *MLP, "--width", "100000", "--depth", "3"],
    "at the end of an axis": ["phase-diagram", *MLP, "--depth", "2", "--y", "width=16:20000:65"],
    "in depth": ["phase-diagram", *MLP, "--width", "4000", "--x", "depth=1:8", *SCALE],
    "in one of its widths": ["boundary", *MLP, "--depth", "3", "--width", "8", "30000"],
    "with all states of a run": ["boundary", *MLP, "--kinds", "sharp", "--steps", "9000000"],
}


@pytest.mark.parametrize("command", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_sweep_beyond_the_memory_limit_is_refused_before_anything_is_drawn(
    command, tmp_path, capsys, monkeypatch
):
    """Networks of these shapes hold 10^9 weights and more, 8 bytes each."""

    def start(cell, scales, real=phase_cells.start):
        assert cell["width"] <= 9000
        return real(cell, scales)

    monkeypatch.setattr(phase_cells, "start", start)
    out = tmp_path / "out"
    assert run([*command, "--memory-limit", "4GB"], out) == 2
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1
    sentence = r"this sweep, with 1 worker and networks of width \d+, depth \d, requires "
    found = re.search(sentence + r"(\S+) (.B) of memory; --memory-limit allows 4 GB", printed.err)
    assert allowed_bytes(found[1] + found[2]) > 4e9
    assert not out.exists()


def test_the_limit_is_that_of_all_workers_together(tmp_path, capsys):
    command = ["simulate", *MLP, "--width", "300", "--depth", "2", "--c", "1"]
    weights = 64 * 300 + 300 * 300 + 300  # a run holds six of them, 8 bytes each
    limit = ["--memory-limit", str(1.5 * 6 * 8 * weights)]
    assert run([*command, *limit, "--workers", "2"], tmp_path / "two") == 2
    assert "with 2 workers and networks of width 300, depth 2," in capsys.readouterr().err
    assert run([*command, *limit], tmp_path / "one") == 0
    assert run([*command, "--workers", "2"], tmp_path / "one") == 0  # no part of what is asked


def test_a_folder_of_another_sweep_is_refused_and_left_alone(finished, capsys):
    before = {path: path.read_bytes() for path in finished.iterdir()}
    assert run([*DIAGRAM, "--seed", "1"], finished) == 2
    sentence = f"{finished} has seed 0, this one 1"
    assert sentence in capsys.readouterr().err
    assert run([*DIAGRAM, "--levels", "2"], finished) == 2
    assert {path: path.read_bytes() for path in finished.iterdir()} == before


@pytest.mark.parametrize("width", ["abc", "1e400", "2.5", "nan", "-inf"])
def test_a_width_is_a_number_of_units_or_infinity(width, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run([*SIMULATE, f"--width={width}"], tmp_path / "out")
    assert stop.value.code == 2
    said = f"argument --width: must be a positive integer, or inf; got '{width}'"
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_command_is_refused_by_its_name(finished, capsys):
    assert run(BOUNDARY, finished) == 2
    assert f"{finished} has command phase-diagram, this one boundary" in capsys.readouterr().err


def test_without_dask_a_scheduler_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run([*SIMULATE, "--scheduler", "tcp://127.0.0.1:1"], tmp_path / "out") == 2
    said = "--scheduler needs distributed; install it with: pip install distributed\n"
    assert capsys.readouterr().err.endswith(said)


def test_depth_is_an_axis_of_every_number_of_layers(tmp_path):
    command = ["phase-diagram", "--model", "mlp", "--activation", "tanh", "--width", "8", *SMALL]
    assert run([*command, "--x", "c=1:8:9", "--y", "depth=1:3"], tmp_path) == 0
    depths = {line.cell["depth"] for line in read_record(tmp_path / "records.jsonl")}
    assert depths == {1, 2, 3}


def test_batch_size_is_an_axis_of_doublings_and_momentum_one_of_even_steps(tmp_path):
    command = ["phase-diagram", *SMALL, "--c", "0.5", "--x", "momentum=0:0.8:9", "--levels", "1"]
    for model in (["--model", "mlp", "--width", "8"], ["--model", "linear"]):
        out = tmp_path / model[1]
        assert run([*command, *model, "--y", "batch_size=1:8"], out) == 0
        cells = [line.cell for line in read_record(out / "records.jsonl")]
        assert {cell["batch_size"] for cell in cells} == {1, 2, 4, 8}
        assert {round(cell["momentum"], 9) for cell in cells} >= {0.0, 0.2, 0.8}
        assert {path.suffix for path in out.iterdir()} >= {".png", ".svg"}


def test_momentum_and_batches_are_of_every_command(tmp_path):
    for command in (
        [*DIAGRAM[:-4], "--x", "c=1:8:9", "--y", "width=8:64:9"],
        BOUNDARY,
        SIMULATE,
    ):
        out = tmp_path / command[0]
        assert run([*command, "--momentum", "0.5", "--batch-size", "4"], out) == 0
        cells = [line.cell for line in read_record(out / "records.jsonl")]
        assert {(cell["momentum"], cell["batch_size"]) for cell in cells} == {(0.5, 4)}


def test_completion_is_printed_for_shells(capsys):
    for shell in ("bash", "zsh", "tcsh"):
        with pytest.raises(SystemExit) as stop:
            cli.main(["--print-completion", shell])
        assert stop.value.code == 0
        assert "phase-diagram" in capsys.readouterr().out


def test_the_first_line_says_what_was_understood_of_the_data(tmp_path, capsys):
    rng = np.random.default_rng(0)
    X, classes = rng.normal(size=(30, 4)), np.arange(30) % 3
    np.savez(tmp_path / "table.npz", X=X, y=classes)
    np.savez(tmp_path / "images.npz", X=X.reshape(30, 2, 2), y=classes)
    rows = np.column_stack([classes % 2, X])
    np.savetxt(tmp_path / "first.csv", rows, delimiter=",", header="label,a,b,c,d", comments="")
    for asked, said in {
        (): "images of 64 inputs, one mean and one variance for all inputs; odd labels as +1",
        ("--inputs", "pixel"): "images of 64 inputs, every input scaled by itself; odd labels",
        ("--labels", "classes"): "10 classes (0 to 9), one-hot, from the digits; 8 of them are",
        ("--data", "table.npz"): "4 inputs, every input scaled by itself; 3 classes (0, 1, 2), one",
        ("--data", "images.npz"): "4 inputs, one mean and one variance for all inputs; 3 classes",
        ("--data", "first.csv"): "two labels, 0 as -1 and 1 as +1, from column 1 (label); 8 of",
        ("--data", "table.npz", "--labels", "numbers"): "numbers to fit, from 0 to 2, from the arr",
    }.items():
        arguments = [str(tmp_path / one) if "." in one else one for one in asked]
        command = ["simulate", "--samples", "8", "--steps", "1", "--c", "1", "--overwrite"]
        assert run([*command, *arguments], tmp_path / "out") == 0
        assert said in capsys.readouterr().err.splitlines()[0]


@pytest.mark.parametrize("command", ["simulate", "phase-diagram", "boundary", "verify"])
def test_labels_that_could_be_classes_or_numbers_are_asked_for(command, tmp_path, capsys):
    np.savez(tmp_path / "ages.npz", X=np.eye(12), y=[31, 40, 52] * 4)
    out = tmp_path / "out"
    assert run([command, "--data", str(tmp_path / "ages.npz")], out) == 2
    said = capsys.readouterr().err
    assert "3 different whole numbers from 31 to 52; say --labels classes, or --labels numb" in said
    assert len(said.splitlines()) == 1
    assert not out.exists()


def test_labels_and_inputs_are_part_of_a_sweep(tmp_path, capsys):
    command = ["simulate", "--samples", "8", "--steps", "1", "--c", "1"]
    assert run(command, tmp_path) == 0
    held = json.loads((tmp_path / "config.json").read_text())["cell"]
    assert (held["labels"], held["inputs"]) == ("parity", "global")
    assert run([*command, "--labels", "parity", "--inputs", "global"], tmp_path) == 0
    assert run([*command, "--labels", "classes"], tmp_path) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"{tmp_path} has labels parity, this one classes")


def test_another_sweep_gets_a_folder_of_its_own_and_the_same_one_its_own_again(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for c, folder, computed in (
        (["1"], "simulation", 1),
        (["3"], "simulation-2", 1),
        (["2.5"], "simulation-3", 1),
        (["1"], "simulation", 0),
        (["3"], "simulation-2", 0),
    ):
        assert cli.main(["simulate", *SMALL, "--c", *c]) == 0
        out, err = capsys.readouterr()
        assert out.endswith(f"record and figure: {folder}\n")
        assert f"{computed} cell{'' if computed == 1 else 's'} computed" in err
    assert {path.name for path in tmp_path.iterdir()} == {
        "simulation",
        "simulation-2",
        "simulation-3",
    }
    assert cli.main(["simulate", *SMALL, "--c", "4.1", "--overwrite"]) == 0
    assert capsys.readouterr().out.endswith("record and figure: simulation\n")
    assert cli.main(["simulate", *SMALL, "--c", "1", "--out", "simulation"]) == 2
    assert "this one [1.0]" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_what_is_printed_names_the_network_as_its_figure_does(command, made, capsys):
    assert run(command, made[command[0]]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("linear network")
    assert "8 samples of handwritten digits" in first


def test_bounds_are_explained_where_a_boundary_was_not_met(tmp_path, capsys):
    far = ["boundary", *SMALL, "--members", "2", "--kinds", "max", "--steps", "1"]
    assert run([*far, "--width", "1000"], tmp_path) == 0
    out = capsys.readouterr().out
    assert ">= " in out
    assert "all learning rates that were tried" in out
