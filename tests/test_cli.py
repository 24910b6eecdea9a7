"""The command line, as a user meets it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from catapult_sim import __version__, claims, cli
from catapult_sim.claims import cells
from catapult_sim.claims.claim import KINDS
from catapult_sim.claims.verdict import Verdict
from catapult_sim.experiments.bench import EFFORTS, Bench, in_minutes
from catapult_sim.symbolic import linear_net

# A shell may have told its background jobs to ignore Ctrl-C.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from catapult_sim.__main__ import main; sys.exit(main())"
)

QUICK = ["verify", "--claims", "catapult.map", "catapult.one-sample.rise"]


def read(folder):
    found = json.loads((folder / "report.json").read_text())
    return [{k: v for k, v in claim.items() if k != "seconds"} for claim in found["claims"]]


def test_verify_prints_the_table_and_writes_the_report(tmp_path, capsys):
    assert cli.main([*QUICK, "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "2 claims: 2 hold" in out
    assert "Everything that must hold holds." in out
    assert f"report: {tmp_path}" in out
    assert "Judging 2 theorems: effort quick, seed 0, on 8x8 handwritten digits" in err
    assert "This takes less than a minute." in err
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json",
        "records.jsonl",
        "records.jsonl.lock",
        "report.html",
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


def test_claims_are_listed_with_their_ids_and_not_judged(tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["verify", "--list", "--out", str(out)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == [claim.id for claim in claims.CLAIMS]
    assert cli.main(["verify", "--list", "--claims", "catapult.map", "--out", str(out)]) == 0
    one = r"catapult\.map +Lewkowycz2020 +theorem +the derived .*\n"
    assert re.fullmatch(one, capsys.readouterr().out)
    assert not out.exists()


def test_claims_are_listed_by_paper(capsys):
    assert cli.main(["verify", "--list"]) == 0
    papers = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert len(list(groupby(papers))) == len(set(papers)) == len(claims.PAPERS)
    page = (Path(__file__).parents[1] / "docs" / "paper.md").read_text()
    assert {f"[{paper}]" for paper in papers} <= set(re.findall(r"\[\w+\]", page))


@pytest.mark.parametrize("name", ["Smith2021", "smith2021", "[SMITH2021]"])
def test_papers_may_be_asked_for_by_their_keys(name):
    from catapult_sim.claims.smith2021 import CLAIMS

    assert claims.select([name]) == list(CLAIMS)
    assert claims.select([name, CLAIMS[0].id]) == list(CLAIMS)


def test_parts_of_an_author_have_keys_of_their_own():
    from catapult_sim.claims import kalra2023_early, kalra2023_sharpness

    for name in ("Kalra2023early", "kalra2023_early"):
        assert claims.select([name]) == list(kalra2023_early.CLAIMS)
    assert claims.select(["Kalra2023sharpness"]) == list(kalra2023_sharpness.CLAIMS)


def test_only_claims_that_are_asked_for_are_compared(tmp_path, capsys):
    before, after = tmp_path / "before", tmp_path / "after"
    assert (
        cli.main(["verify", "--claims", "catapult.map", "catapult.lazy", "--out", str(before)]) == 0
    )
    again = ["--compare", str(before), "--out", str(after)]
    capsys.readouterr()
    assert cli.main(["verify", "--claims", "catapult.map", *again]) == 0
    assert f"since {before}: nothing moved" in capsys.readouterr().out


def test_data_of_ones_own_are_scaled_and_named_as_elsewhere(tmp_path, capsys):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 3)) * [1, 10, 100]
    table = tmp_path / "own.csv"
    np.savetxt(table, np.column_stack([X, np.arange(9) % 2]), delimiter=",")
    options = ["--data", str(table), "--out", str(tmp_path / "out")]
    assert cli.main(["verify", "--claims", "catapult.map", *options]) == 0
    cell = json.loads((tmp_path / "out" / "config.json").read_text())["cell"]
    assert cell["inputs"] == "pixel"
    bench = Bench(data=table, inputs="pixel")
    every = [claim.judged_on(bench) for claim in claims.CLAIMS]
    assert any("own.csv" in one.text for one in every)
    for one, before in zip(every, claims.CLAIMS, strict=True):
        assert not re.search("digits|Fashion-MNIST", one.reduced + one.text)
        assert one.reduced.count("own.csv") >= before.reduced.count("8x8 digits")
    assert claims.CLAIMS[0].judged_on(Bench()) is claims.CLAIMS[0]


def test_json_prints_the_report_itself(tmp_path, capsys):
    cli.main([*QUICK, "--json", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert json.loads(printed) == json.loads((tmp_path / "report.json").read_text())


def test_the_record_holds_the_report(tmp_path, capsys):
    assert cli.main([*QUICK, "--out", str(tmp_path)]) == 0
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert cli.main([*QUICK, "--resume", "--out", str(tmp_path)]) == 0
    assert "0 cells computed, 2 found in the record" in capsys.readouterr().err
    del whole["config.json"]  # the command differs
    for name, content in whole.items():
        assert (tmp_path / name).read_bytes() == content
    # More claims in the same folder are judged besides; the report is of those asked for.
    more = ["verify", "--claims", "catapult.theorem.lazy-1.5", "catapult.map"]
    assert cli.main([*more, "--out", str(tmp_path)]) == 0
    assert "1 cell computed, 1 found in the record" in capsys.readouterr().err
    assert {claim["id"] for claim in read(tmp_path)} == {more[2], more[3]}
    assert cli.main([*QUICK, "--overwrite", "--out", str(tmp_path)]) == 0
    assert "2 cells computed, 0 found in the record" in capsys.readouterr().err


def test_workers_judge_as_this_process_does(tmp_path):
    assert cli.main([*QUICK, "--out", str(tmp_path / "alone")]) == 0
    processes = tmp_path / "processes"
    assert cli.main([*QUICK, "--workers", "2", "--out", str(processes)]) == 0
    assert read(processes) == read(tmp_path / "alone")
    assert (processes / "report.md").read_bytes() == (tmp_path / "alone/report.md").read_bytes()


def test_progress_is_drawn_where_it_is_asked_for(tmp_path, capsys):
    cli.main([*QUICK, "--progress", "--out", str(tmp_path)])
    assert "2/2" in capsys.readouterr().err
    cli.main([*QUICK, "--no-progress", "--out", str(tmp_path)])
    assert "2/2" not in capsys.readouterr().err


def test_other_seeds_and_data_want_a_folder_of_their_own(tmp_path, capsys):
    cli.main([*QUICK, "--out", str(tmp_path)])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert cli.main([*QUICK, "--seed", "1", "--out", str(tmp_path)]) == 2
    assert f"{tmp_path} has seed 0, this one 1" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_verdicts_of_other_code_are_not_read(tmp_path, capsys, monkeypatch):
    cli.main([*QUICK, "--out", str(tmp_path)])
    monkeypatch.setattr(cells, "_code", lambda: "another")
    capsys.readouterr()
    cli.main([*QUICK, "--out", str(tmp_path)])
    assert "2 cells computed, 0 found in the record" in capsys.readouterr().err


def test_a_claim_that_cannot_be_judged_gives_status_1_and_leaves_the_others(
    tmp_path, capsys, monkeypatch
):
    def fails(bench):
        raise ZeroDivisionError("no such network")

    rise = next(claim for claim in claims.CLAIMS if claim.id == QUICK[-1])
    broken = replace(rise, id="catapult.broken", measure=fails)
    for module in (claims, cells):
        monkeypatch.setattr(module, "CLAIMS", (*claims.CLAIMS, broken))
    asked = [*QUICK, "catapult.broken", "--out", str(tmp_path)]
    assert cli.main(asked) == 1
    out, err = capsys.readouterr()
    assert "2 claims: 2 hold" in out
    assert "catapult.broken: ZeroDivisionError: no such network" in err
    assert cli.main(asked) == 1
    assert "0 cells computed, 2 found in the record; 1 failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "reduced", "strict", "status", "verdict"),
    [
        ("theorem", "", [], 1, "fails"),
        ("statement", "", [], 0, "refuted"),
        ("statement", "digits", [], 0, "not seen here"),
        ("statement", "", ["--strict"], 1, "refuted"),
        ("statement", "digits", ["--strict"], 1, "not seen here"),
    ],
)
def test_what_must_hold_decides_the_status_and_strictly_all_that_is_stated(
    tmp_path, capsys, monkeypatch, kind, reduced, strict, status, verdict
):
    (right,) = claims.select(["catapult.map"])
    wrong = replace(right, id="catapult.wrong", predict=9.0, kind=kind, reduced=reduced)
    for module in (claims, cells):
        monkeypatch.setattr(module, "CLAIMS", (*claims.CLAIMS, wrong))
    asked = ["verify", "--claims", "catapult.map", "catapult.wrong", *strict]
    assert cli.main([*asked, "--out", str(tmp_path)]) == status
    assert f"{verdict}: the derived" in capsys.readouterr().out
    found = {one["id"]: one["verdict"] for one in read(tmp_path)}
    assert found == {"catapult.map": "holds", "catapult.wrong": verdict}


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_claim_may_fail(tmp_path, monkeypatch, kind):
    """An exception is a fault of the code, not a verdict."""

    def fails(bench):
        raise ZeroDivisionError

    broken = replace(claims.CLAIMS[0], id="catapult.broken", measure=fails, kind=kind)
    for module in (claims, cells):
        monkeypatch.setattr(module, "CLAIMS", (*claims.CLAIMS, broken))
    asked = ["verify", "--claims", "catapult.broken"]
    assert cli.main([*asked, "--out", str(tmp_path)]) == 1


def test_a_broken_map_is_a_theorem_that_fails(tmp_path, monkeypatch):
    rule = linear_net.sample_map()
    wrong = replace(rule, next=(rule.next[0], 1.01 * rule.next[1]))
    monkeypatch.setattr(linear_net, "sample_map", lambda: wrong)
    assert cli.main(["verify", "--claims", "catapult.map", "--out", str(tmp_path)]) == 1


def test_help_plan_and_readme_name_one_time(capsys):
    """On two cores; the plan's is computed from the costs of the claims chosen."""
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for name, effort in EFFORTS.items():
        seconds = cells.seconds_of(claims.usual(name), Bench(effort=name), workers=2)
        assert in_minutes(seconds) == effort.time
        assert f"{name} ({effort.time} on two cores)" in told
    assert f"{EFFORTS['quick'].time} on two cores" in " ".join(readme.split())


def test_a_plan_takes_longer_on_larger_inputs_and_no_less_on_smaller_ones(tmp_path):
    chosen, times = claims.usual("quick"), []
    for size in (2, 64, 784):
        np.savez(tmp_path / "data.npz", X=np.eye(20, size), y=np.tile([-1, 1], 10))
        bench = Bench(data=tmp_path / "data.npz")
        times.append(cells.seconds_of(chosen, bench, workers=2))
    assert times[0] == times[1] == cells.seconds_of(chosen, Bench(), workers=2)
    assert times[2] > 3 * times[1]


def test_the_usual_claims_are_theorems_and_what_the_four_papers_say():
    quick = claims.usual("quick")
    assert {claim.kind for claim in quick} == {"theorem", "statement"}
    assert {claim.says.role for claim in quick if claim.kind == "statement"} == {"paper"}
    rest = [claim for claim in claims.CLAIMS if claim not in quick]
    assert not [claim.id for claim in rest if claim.kind == "theorem"]
    assert claims.usual("full") == list(claims.CLAIMS)


def test_topics_that_last_longest_come_first():
    order = [cell["claim"] for cell in cells.cells_of(claims.usual("quick"), {})]
    topic_of = {claim.id: claim.topic for claim in claims.CLAIMS}.__getitem__
    topics = list(dict.fromkeys(map(topic_of, order)))
    costs = [sum(c.cost for c in claims.usual("quick") if c.topic == topic) for topic in topics]
    assert costs == sorted(costs, reverse=True)
    # A topic is one stretch, so that one worker gets all of it.
    assert [topic for topic, _ in groupby(order, topic_of)] == topics


def test_what_is_not_finite_survives_the_record():
    claim = claims.CLAIMS[0]
    found = {
        "predicted": "inf",
        "measured": "nan",
        "error": 0.5,
        "systematic": 0.0,
        "n": 3,
        "seconds": 1.0,
        "seeds": [],
    }
    judgement = cells.recorded_judgement(claim, found | {"at_least": True, "at_most": False})
    assert judgement.predicted == float("inf")
    assert np.isnan(judgement.measured.value)
    assert judgement.verdict is Verdict.OPEN


def test_an_interrupted_verification_goes_on(tmp_path):
    # Topics are recorded whole; after the first, others still take seconds.
    chosen = ["verify", "--claims", "catapult.linear-1", "catapult.one-sample", "catapult.data"]
    command = [sys.executable, "-c", PROGRAM, *chosen, "--out", str(tmp_path)]
    record = tmp_path / "records.jsonl"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (record.exists() and record.stat().st_size):
            time.sleep(1e-3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == b""
    said = f"interrupted; finished cells are in {tmp_path}; to continue, run the same command again"
    assert err.decode().splitlines()[-1] == f"catapult-sim verify: {said}"
    held = len(record.read_bytes().splitlines())
    assert 0 < held < 9
    assert cli.main([*chosen, "--out", str(tmp_path)]) in (0, 1)
    assert len(record.read_bytes().splitlines()) == 9


def test_the_figure_is_drawn_from_the_record(tmp_path, capsys):
    cli.main([*QUICK, "--out", str(tmp_path)])
    whole = {path: path.read_bytes() for path in tmp_path.glob("*.*g")}
    assert len(whole) == 2
    for path in whole:
        path.unlink()
    assert cli.main(["figures", "--from", str(tmp_path)]) == 0
    assert {path: path.read_bytes() for path in whole} == whole


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--claims", "nonsense"],
            "claims must be ids from `catapult-sim verify --list` .* got 'nonsense'",
        ),
        (["--effort", "heroic"], "effort must be one of quick, full; got 'heroic'"),
        (["--seed", "-1"], "seed must be an integer of at least 0; got -1"),
        (["--data", "absent.csv"], "absent.csv must be a readable file; No such"),
        (["--data", "notes.txt"], "notes.txt must be a readable file; No such"),
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
    assert "--out must be a folder; " in capsys.readouterr().err
    assert cli.main([*QUICK, "--out", str(tmp_path / "file" / "below")]) == 2
    said = capsys.readouterr().err
    assert re.search(r"--out must be a folder that can be made: .*below: Not a directory$", said)


@pytest.mark.parametrize("arguments", [["derive", "--list"], ["derive", "sample-map"]])
def test_what_nobody_reads_ends_in_silence(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_no_failure(closed, tmp_path):
    number = ["stdin", "stdout", "stderr"].index(closed)
    out = tmp_path / "out"
    command = ["simulate", "--samples", "4", "--steps", "40", "--c", "1", "--width", "64"]
    done = subprocess.run(
        [sys.executable, "-m", "catapult_sim", *command, "--progress", "--out", str(out)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.close(number),
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len((out / "records.jsonl").read_bytes().splitlines()) == 1
    assert json.loads((out / "summary.json").read_text())["runs"][0]["phase"] == "lazy"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is of Linux")
def test_output_that_finds_no_room_is_named():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "catapult_sim", "derive", "sample-map"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = "standard output: No space left on device; nothing was written"
    assert (done.returncode, done.stderr) == (1, f"catapult-sim derive: {said}\n")


def test_a_terminal_of_ascii_shows_the_rest_as_escapes(tmp_path):
    command = ["simulate", "--samples", "4", "--steps", "40", "--c", "1", "--width", "64"]
    done = subprocess.run(
        [sys.executable, "-m", "catapult_sim", *command, "--out", "η"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("record and figure: \\u03b7\n")


def test_a_pipe_that_breaks_elsewhere_is_not_silent(capsys, monkeypatch):
    def breaks(*_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("catapult_sim.symbolic.printed.listing", breaks)
    assert cli.main(["derive", "--list"]) == 1
    assert "Broken pipe; nothing was written" in capsys.readouterr().err


def test_too_little_memory_gets_one_sentence(capsys, tmp_path):
    wide = ["simulate", "--model", "mlp", "--width", "1e8", "--depth", "2"]
    wide += ["--memory-limit", "1e30"]
    assert cli.main([*wide, "--out", str(tmp_path / "out")]) == 1
    assert re.fullmatch(
        "catapult-sim simulate: memory does not suffice: .*PiB.*\n", capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["dance"], ["verify", "--seed", "one"], ["verify", "-x"]])
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
    assert "2 hold" in done.stdout


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"catapult-sim {__version__}\n"


COMMANDS = ["verify", "phase-diagram", "boundary", "simulate", "scan", "derive", "figures"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_defaults_as_a_user_would(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    options = text.partition("options:")[2]
    assert not re.search(r"None|False|\['|\[\d|always so", options)
    assert command in ("derive", "figures") or re.search(r"\(default: \w", options)


def test_all_claims_may_be_asked_for_beside_others(tmp_path, capsys):
    assert cli.main(["verify", "--list", "--claims", "all", "catapult.map"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(claims.CLAIMS)


def test_help_shows_every_default(capsys):
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    text = capsys.readouterr().out
    for option in ("--claims", "--effort", "--seed", "--data", "--out", "--json", "--workers"):
        assert option in text
