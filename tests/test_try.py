"""The first ten minutes: the tour, and ``catapult-sim try`` on data of one's own."""

import gzip
import importlib
import re
import shutil
import struct

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim import cli
from catapult_sim.studies import Study
from catapult_sim.sweeps.record import Line

tried_command = importlib.import_module("catapult_sim.commands.try")

SMALL = ["--width", "24", "--depth", "1", "--steps", "40", "--c", "1:40:3", "--no-progress"]
RNG = np.random.default_rng(0)
PIXELS, CLASSES = RNG.integers(256, size=(60, 4, 5)), RNG.integers(3, size=60)


def tried(capsys, *arguments):
    assert cli.main(["try", *SMALL, *map(str, arguments)]) == 0
    return capsys.readouterr().out


def idx(path, values):
    head = struct.pack(f">I{values.ndim}I", 0x0800 + values.ndim, *values.shape)
    path.write_bytes(gzip.compress(head + values.astype(np.uint8).tobytes()))
    return path


def table(out):
    """The rows of the printed table, as words."""
    lines = out.split("\n\n")[1].splitlines()
    return [line.split() for line in lines[1:4]]


def test_the_command_alone_is_a_tour_of_six_lines(capsys):
    assert cli.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    for line in lines:
        command = line.split()[1]
        assert line.startswith("catapult-sim ")
        assert command in cli.COMMANDS
        assert len(line) < 100


@pytest.mark.parametrize("line", cli.TOUR.splitlines())
def test_every_command_of_the_tour_is_understood(line, capsys):
    words = re.split(r" {2,}", line)[0].split()[1:]
    options = cli._parser(words).parse_args(words)
    assert callable(options.run)


def test_it_says_what_it_understood_before_it_trains(capsys):
    out = tried(capsys)
    first = out.split("\n\n")[0]
    assert first.startswith("8x8 handwritten digits: 1797 images of 64 inputs")
    assert "256 of them are drawn" in first
    assert "MLP([64, 24, 1]): 1560 parameters" in first
    assert re.search(r"3 runs of at most 40 steps: about \d+ s", first)


def test_its_numbers_are_those_of_the_study(capsys):
    out = tried(capsys, "--samples", 32, "--seed", 2)
    X, y = cs.datasets.load("digits", inputs="auto")
    seen, others = cs.datasets.divided(X, y, 32, seed=2)
    net = cs.MLP([64, 24, 1])
    c = np.geomspace(1, 40, 3)
    found = cs.study(net, *seen, held_out=others, c=c, steps=40, seed=2, progress=False)
    top = np.linalg.eigvalsh(cs.ntk(net, net.init(rng=2), seen[0]))[-1]
    assert f"lambda_0 = {top:.4g}:" in out
    assert f"2 / lambda_0 = {2 / top:.4g}" in out
    plain = cs.MLP([64, 24, 1], parametrization="standard")
    usual = np.linalg.eigvalsh(cs.ntk(plain, plain.init(rng=2), seen[0]))[-1]
    assert f"({2 / usual:.3g} in the standard parametrisation" in out
    assert found.strip() in out
    for k, row in enumerate(table(out)):
        assert row[2] == found.phases.names[0][k]
        expected = [c[k], c[k] / top, found.values("peak")[0, k], found.values("loss")[0, k]]
        got = [float(row[0]), float(row[1]), *map(float, row[3:5])]
        assert got == pytest.approx(expected, rel=1e-3)
        if row[2] != "divergent":
            now = found.values("curvature")[0, k]
            assert [*map(float, row[5:7])] == pytest.approx([now, c[k] * now], rel=1e-3)
        assert float(row[-1]) == pytest.approx(found.values("accuracy")[0, k], rel=1e-3)


def test_images_and_their_labels_may_lie_anywhere(tmp_path, capsys):
    (tmp_path / "elsewhere").mkdir()
    images = idx(tmp_path / "pictures.gz", PIXELS)
    labels = idx(tmp_path / "elsewhere" / "answers.gz", CLASSES)
    out = tried(capsys, "--images", images, "--labels-file", labels)
    assert "60 images of 20 inputs" in out
    assert "3 classes" in out
    assert "48 of them are drawn" in out
    assert "MLP([20, 24, 3])" in out
    X, y = cs.datasets.load(images, labels_file=labels)
    np.testing.assert_allclose(X, PIXELS.reshape(60, -1) / 255)
    np.testing.assert_array_equal(y.argmax(axis=1), CLASSES)


def test_labels_beside_images_are_found(tmp_path, capsys):
    images = idx(tmp_path / "t10k-images-idx3-ubyte.gz", PIXELS)
    idx(tmp_path / "t10k-labels-idx1-ubyte.gz", CLASSES)
    assert "60 images of 20 inputs" in tried(capsys, "--data", images)


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_tables_are_read_too_and_numbers_have_no_accuracy(kind, tmp_path, capsys):
    X, y = RNG.normal(size=(30, 4)), RNG.normal(size=30)
    file = tmp_path / f"data.{kind}"
    if kind == "csv":
        np.savetxt(file, np.column_stack([X, y]), delimiter=",")
    else:
        np.savez(file, X=X, y=y)
    out = tried(capsys, "--data", file)
    assert "24 of them are drawn" in out
    assert "accuracy" not in out


def test_others_of_one_label_have_no_accuracy(tmp_path, capsys):
    file = tmp_path / "data.csv"
    np.savetxt(file, np.column_stack([RNG.normal(size=(9, 2)), np.arange(9) == 4]), delimiter=",")
    out = tried(capsys, "--data", file, "--samples", "8", "--seed", "3")
    assert "8 of them are drawn" in out
    assert "accuracy" not in out


def test_a_folder_holds_record_and_figure_and_is_continued(tmp_path, capsys):
    out = tried(capsys, "--out", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"records.jsonl", "study.png", "study.svg"}
    record = tmp_path / "records.jsonl"
    whole = record.read_text()
    record.write_text("".join(whole.splitlines(keepends=True)[:1]))
    again = tried(capsys, "--out", tmp_path)
    assert record.read_text() == whole
    assert again.split("\n\n")[1:] == out.split("\n\n")[1:]


def test_its_figure_is_drawn_again_from_its_folder(tmp_path, capsys):
    tried(capsys, "--out", tmp_path)
    drawn = (tmp_path / "study.png").read_bytes()
    (tmp_path / "study.png").unlink()
    assert cli.main(["figures", "--from", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'study.png'}\n"
    assert (tmp_path / "study.png").read_bytes() == drawn


def test_a_folder_of_another_study_is_refused(tmp_path, capsys):
    tried(capsys, "--out", tmp_path)
    assert cli.main(["try", *SMALL, "--out", str(tmp_path), "--seed", "1"]) == 2
    said = capsys.readouterr().err
    assert "must be a folder of this very sweep, or a new one; " in said
    assert f"{tmp_path} has seed 0, this one 1" in said


def table_of(tmp_path, name, labels):
    """A table whose columns have other units each, with labels in its first column."""
    X = RNG.normal(size=(50, 3)) * [0.01, 1, 1000] + 5
    rows = [",".join([str(y), *map(str, x)]) for y, x in zip(labels, X, strict=True)]
    file = tmp_path / name
    file.write_text("\n".join(["a,b,c,d", *rows]))
    return file


@pytest.mark.parametrize(
    ("labels", "arguments"),
    [
        (None, []),
        (None, ["--labels", "classes", "--samples", "40", "--inputs", "raw", "--depth", "2"]),
        (RNG.integers(2, size=50), ["--label-column", "first", "--activation", "tanh"]),
        (RNG.normal(size=50), ["--label-column", "a", "--seed", "4"]),
        (RNG.normal(size=50), ["--label-column", "a", "--drop", "2"]),
    ],
)
def test_the_lines_for_a_notebook_give_its_very_numbers(labels, arguments, tmp_path, capsys):
    file = [] if labels is None else ["--data", table_of(tmp_path, "own table's.csv", labels)]
    out = tried(capsys, *file, *arguments)
    lines = out.split("The same in a notebook:\n")[1].splitlines()
    *before, last = [line.removeprefix("  ") for line in lines]
    names: dict = {}
    exec("\n".join(before), names)
    found = eval(last, names)
    assert found.strip() in out
    assert f"lambda_0 = {found.lambda_0[0]:.4g}:" in out
    for k, row in enumerate(table(out)):
        assert float(row[0]) == pytest.approx(found.c[k], rel=1e-3)
        assert float(row[3]) == pytest.approx(found.values("peak")[0, k], rel=1e-3)
        if "accuracy" in found.quantities:
            assert float(row[-1]) == pytest.approx(found.values("accuracy")[0, k], rel=1e-3)
    assert ("accuracy" in found.quantities) is ("accuracy" in out)


def test_the_lines_for_a_notebook_name_the_file_of_labels(tmp_path, capsys):
    images, labels = idx(tmp_path / "X.gz", PIXELS), idx(tmp_path / "y.gz", CLASSES)
    out = tried(capsys, "--images", images, "--labels", labels)
    assert f"load({str(images)!r}, inputs='auto', labels_file={str(labels)!r})" in out


def study_of(*runs):
    """A study with lambda_0 = 2: of runs at c, their phases and the ratio of the last curvature."""
    losses = {"first_loss": 1.0, "peak_loss": 2.0, "last_loss": 0.1, "first_eigenvalue": 2.0}
    lines = [
        Line("", "", {"c": c, "seed": 0}, {"phase": phase, **losses, "last_eigenvalue": 2 * ratio})
        for c, phase, ratio in runs
    ]
    return Study("MLP([4, 24, 1])", 8, 60, tuple(lines))


LAZY, CAUGHT, AWAY = (1.0, "lazy", 1.0), (3.0, "catapult", 0.5), (8.0, "divergent", 9.0)
SLOW = (6.0, "undecided", 0.2)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([LAZY, CAUGHT, AWAY], "converges up to 1.5 (c = 3), not at 4 (c = 8)"),
        ([LAZY, CAUGHT, SLOW, AWAY], "converges up to 1.5 (c = 3), not at 3 (c = 6)"),
        ([(0.5, "undecided", 1.0), LAZY], "converges up to 0.5 (c = 1), the largest learning rate"),
        ([SLOW, AWAY], "converges within 60 steps at none of 3 (c = 6) to 4 (c = 8)"),
    ],
)
def test_it_says_up_to_which_learning_rate_training_converges(runs, said):
    assert tried_command._end(study_of(*runs)).startswith(said)


def test_catapults_that_were_stopped_above_two_have_a_footnote():
    def note(*runs):
        return tried_command._unsettled(study_of(*runs))

    assert note(LAZY, CAUGHT, (4.0, "undecided", 0.9), AWAY) == ""
    assert note(CAUGHT, (5.0, "catapult", 0.41)).startswith("\n1 catapult with eta lambda above 2:")
    assert "2 catapults" in note((4.0, "catapult", 0.6), (5.0, "catapult", 0.5))


def test_runs_that_are_lazy_beyond_two_have_a_footnote():
    assert tried_command._calm(study_of(LAZY, (2.0, "lazy", 1.0), CAUGHT, AWAY)) == ""
    said = tried_command._calm(study_of((2.5, "lazy", 0.4), (4.0, "lazy", 0.2), (5.0, *CAUGHT[1:])))
    assert said.startswith("\nlazy beyond c = 2, 2 runs: other parts of the loss fell by more")


def test_ten_classes_are_lazy_beyond_two_with_their_curvature_fallen(capsys):
    printed = tried(capsys, "--data", "digits", "--labels", "classes", "--c", "3:4:2")
    assert "lazy beyond c = 2, 2 runs: " in printed
    assert "along its steepest direction the loss should rise beyond the learning rate" in printed


def test_without_a_folder_nothing_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tried(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere.csv"], "nowhere.csv must be a readable file"),
        (["--samples", "0"], "--samples must be"),
        (["--samples", "100000"], "--samples must be"),
        (["--width", "0"], "--width must be"),
        (["--depth", "-1"], "--depth must be"),
        (["--steps", "0"], "--steps must be"),
        (["--seed", "-1"], "--seed must be"),
        (["--c", "3:1:4"], "must end above its start"),
        (["--labels-file", "y.gz"], "a file of labels belongs to IDX images"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(arguments, said, capsys):
    assert cli.main(["try", *SMALL, *arguments]) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert not out


def test_labels_that_are_not_there_and_of_another_length_are_refused(tmp_path, capsys):
    images = idx(tmp_path / "train-images-idx3-ubyte.gz", PIXELS)
    labels = idx(tmp_path / "answers.gz", CLASSES[:50])
    assert cli.main(["try", "--data", str(images)]) == 2
    assert "are expected in train-labels-idx1-ubyte beside it" in capsys.readouterr().err
    assert cli.main(["try", "--images", str(images), "--labels-file", str(labels)]) == 2
    assert "must hold images (m, h, w) and labels (m,)" in capsys.readouterr().err
    shutil.copy(images, tmp_path / "X.gz")
    missing = str(tmp_path / "nothing.gz")
    assert cli.main(["try", "--data", str(tmp_path / "X.gz"), "--labels-file", missing]) == 2
    assert "nothing.gz must be a readable file" in capsys.readouterr().err


def test_the_file_of_labels_may_be_named_by_what_labels_are(tmp_path, capsys):
    images, labels = idx(tmp_path / "X.gz", PIXELS), idx(tmp_path / "y.gz", CLASSES)
    asked = tried(capsys, "--images", images, "--labels", labels)
    assert asked == tried(capsys, "--images", images, "--labels-file", labels)
    assert "3 classes (0 to 2), one-hot" in asked


def test_two_labels_are_read_alike_from_every_kind_of_file(tmp_path, capsys):
    signs = np.where(CLASSES > 0, 8, 3)
    images, labels = idx(tmp_path / "X.gz", PIXELS), idx(tmp_path / "y.gz", signs)
    table = tmp_path / "table.csv"
    np.savetxt(table, np.column_stack([PIXELS.reshape(60, -1), signs]), "%d", delimiter=",")
    for arguments in (["--images", images, "--labels", labels], ["--data", table]):
        assert "two labels, 3 as -1 and 8 as +1" in tried(capsys, *arguments)


def test_images_without_labels_are_told_how_to_name_them(tmp_path, capsys):
    assert cli.main(["try", "--images", str(idx(tmp_path / "X.gz", PIXELS))]) == 2
    assert "name it by --labels-file" in capsys.readouterr().err


def test_a_file_without_an_option_is_told_which_it_lacks(tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.touch()
    for arguments, hint in ((["try", str(table)], True), (["try", "table.cvs"], False)):
        with pytest.raises(SystemExit):
            cli.main(arguments)
        said = capsys.readouterr().err
        assert f"unrecognized arguments: {arguments[1]}" in said
        assert (f"data are named by --data {table}" in said) is hint


@pytest.mark.parametrize("command", ["try", "scan"])
@pytest.mark.parametrize("rates", ["3", "1:2", "1:2:3:4", "a:b:c", ""])
def test_learning_rates_are_three_numbers(command, rates, capsys):
    assert cli.main([command, "--c", rates]) == 2
    said = f"--c must be LOW:HIGH:N, such as 0.5:16:11; got {rates!r}\n"
    assert capsys.readouterr().err.endswith(said)


def test_a_refusal_names_options_as_they_are_typed(tmp_path, capsys):
    rows = RNG.integers(9, size=(12, 3))
    file = tmp_path / "two.csv"
    np.savetxt(file, rows, "%d", delimiter=",", header="class,target,x", comments="")
    with pytest.raises(cs.InputError, match="say which, as by label_column='class'"):
        cs.datasets.load(file)
    for command in ("try", "scan"):
        out = ["--out", str(tmp_path / "out")]
        assert cli.main([command, "--data", str(file), *out]) == 2
        assert "say which, as by --label-column class\n" in capsys.readouterr().err
    assert cli._as_typed("say labels='a b', or one='it' of c= or n=3:4") == (
        "say --labels 'a b', or --one it of c= or n=3:4"
    )
