"""The README quotes what was measured, and its commands are those of the package."""

import json
import re
from pathlib import Path

import pytest

from catapult_sim import cli
from catapult_sim.numeric.runs.measured import Measured

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
STORED = json.loads((ROOT / "figures" / "phase_diagram.json").read_text())["claims"]
BY_TEXT = {claim["text"]: claim for claim in STORED}
ROWS = [line.strip("| ").split(" | ") for line in README.splitlines() if line.startswith("| ")]
VERDICTS = [row for row in ROWS if row[0] in BY_TEXT]


def test_the_readme_shows_verdicts():
    assert len(VERDICTS) > 10
    assert {row[3] for row in VERDICTS} >= {"holds", "seen"}


@pytest.mark.parametrize("row", VERDICTS, ids=lambda row: row[0])
def test_every_verdict_is_that_of_the_stored_run(row):
    claim = BY_TEXT[row[0]]
    measured = Measured(claim["measured"], claim["error"], claim["n"], claim["at_least"])
    relation = "" if claim["relation"] == "=" else f"{claim['relation']} "
    assert row[1:] == [f"{relation}{claim['predicted']:.6g}", str(measured), claim["verdict"]]


@pytest.mark.parametrize("command", re.findall(r"^catapult-sim derive (.*)$", README, re.MULTILINE))
def test_the_derive_commands_run(command, capsys):
    arguments = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
    assert cli.main(["derive", *arguments]) == 0
    assert capsys.readouterr().out


def test_linked_files_exist():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_the_two_one_line_commands_are_there():
    install = "python3 -m venv .venv && .venv/bin/pip install --quiet "
    assert f"{install}'.[digits]' && .venv/bin/catapult-sim verify\n" in README
    assert f"{install}--editable '.[test]' && .venv/bin/pytest\n" in README
