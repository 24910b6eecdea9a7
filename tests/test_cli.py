"""The command line, as a user meets it."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from catapult_sim import __version__, cli

QUICK = ["verify", "--claims", "catapult.map", "catapult.one-sample.rise"]


def read(folder):
    found = json.loads((folder / "report.json").read_text())
    return [{k: v for k, v in claim.items() if k != "seconds"} for claim in found["claims"]]


def test_verify_prints_the_table_and_writes_the_report(tmp_path, capsys):
    assert cli.main([*QUICK, "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "2 claims: 2 confirmed" in out
    assert "Judging 2 claims, effort quick, seed 0" in err
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "report.json",
        "report.md",
        "phase_diagram.png",
        "phase_diagram.svg",
    }
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["version"] == __version__
    assert config["options"]["effort"] == "quick"
    assert "%" not in err  # no progress bar where there is no terminal


def test_the_same_seed_gives_the_same_files_whatever_the_order(tmp_path):
    cli.main([*QUICK, "--out", str(tmp_path / "a")])
    cli.main(["verify", "--claims", *QUICK[:1:-1], "--out", str(tmp_path / "b")])
    cli.main([*QUICK, "--seed", "1", "--out", str(tmp_path / "c")])
    assert read(tmp_path / "a") == read(tmp_path / "b")
    assert read(tmp_path / "a") != read(tmp_path / "c")
    for name in ("phase_diagram.svg", "phase_diagram.png", "report.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_json_prints_the_report_itself(tmp_path, capsys):
    cli.main([*QUICK, "--json", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert json.loads(printed) == json.loads((tmp_path / "report.json").read_text())


@pytest.fixture
def one_sample_file(tmp_path):
    np.savetxt(tmp_path / "one.csv", [[1.0, 2.0, 0.5]], delimiter=",")
    return str(tmp_path / "one.csv")


def test_a_refuted_claim_gives_exit_status_1(tmp_path, capsys):
    # One hidden layer of ReLU on positive data does not stop converging at 12.
    chosen = ["verify", "--claims", "catapult.relu-1.end", "--out", str(tmp_path)]
    assert cli.main(chosen) == 1
    assert "1 refuted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--claims", "nonsense"], "claims must be ids from report.json .* got 'nonsense'"),
        (["--effort", "heroic"], "effort must be one of quick, full; got 'heroic'"),
        (["--seed", "-1"], "seed must be an integer of at least 0; got -1"),
        (["--data", "absent.csv"], "absent.csv must be a readable file of numbers"),
        (["--data", "notes.txt"], "data must be a file .npz or .csv; got notes.txt"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_leaves_nothing(tmp_path, arguments, sentence, capsys):
    out = tmp_path / "out"
    assert cli.main(["verify", *arguments, "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert re.search(sentence, printed.err)
    assert not out.exists()


def test_an_output_folder_that_cannot_be_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main([*QUICK, "--out", str(tmp_path / "file")]) == 2
    assert "--out must be a folder that can be made" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["verify", "--seed", "one"], ["verify", "-x"]]
)
def test_argparse_refuses_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2


def test_the_module_runs_as_the_command_under_closed_standard_input(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::RuntimeWarning",
            "-m",
            "catapult_sim",
            *QUICK,
            "--out",
            str(tmp_path),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 confirmed" in done.stdout


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"catapult-sim {__version__}\n"


def test_help_shows_every_default(capsys):
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    text = capsys.readouterr().out
    for option in ("--claims", "--effort", "--seed", "--data", "--out", "--json"):
        assert option in text
