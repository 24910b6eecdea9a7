"""The pages in docs/: their code runs as it stands."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import catapult_sim
from catapult_sim import claims, cli

PAGE = Path(__file__).parent.parent / "docs" / "curvature.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize(("number", "needs"), [(0, "numpy"), (1, "torch"), (2, "jax")])
def test_a_model_plugs_in_by_its_hessian_product(number, needs, capsys):
    pytest.importorskip(needs)
    names = {}
    exec(compile(BLOCKS[number], str(PAGE), "exec"), names)
    pairs = names["pairs"]
    assert pairs.converged.all()
    assert pairs.residuals.max() <= 1e-4 * pairs.values[0]
    assert str(pairs.products) in capsys.readouterr().out


PAPER = (PAGE.parent / "paper.md").read_text()
RUN = "derive|simulate|boundary|phase-diagram|scan"
COMMANDS = re.findall(rf"`catapult-sim ((?:{RUN}) .*?)`", PAPER)
CLAIMS = re.findall(r"`((?:catapult|[a-z]+(?:_[a-z]+)+)(?:\.[\w.-]+)?)`", PAPER)
REFERENCES = (PAGE.parent / "references.md").read_text()
KEYS = re.findall(r"^- \*\*\[(\w+)\]\*\*", PAPER + REFERENCES, flags=re.MULTILINE)
SMALL = ["--samples", "8", "--steps", "20"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_on_papers_runs(command, tmp_path, capsys):
    asked = command.split()
    small = [] if asked[0] == "derive" else [*SMALL, "--out", str(tmp_path)]
    assert cli.main([*asked, *small]) == 0
    assert capsys.readouterr().out


def test_every_claim_of_that_page_is_judged():
    assert len(CLAIMS) > 15
    assert all(claims.select([name]) for name in CLAIMS)
    judged = re.findall(r"`catapult-sim verify --claims ([^`]+)`", PAPER)
    assert all(claims.select([name]) for name in judged if name != "ID")


def test_the_python_of_that_page_shows_the_three_phases(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", PAPER, flags=re.DOTALL)
    exec(compile(block, "paper.md", "exec"), {})
    assert capsys.readouterr().out == "['lazy', 'catapult', 'divergent']\n"


@pytest.mark.parametrize("paper", claims.PAPERS)
def test_every_paper_has_claims_on_that_page_and_a_reference(paper):
    ids = [claim.id for claim in import_module(f"catapult_sim.claims.{paper}").CLAIMS]
    assert any(f"{one}.".startswith(f"{name}.") for one in ids for name in CLAIMS), paper
    assert KEYS.count(paper.capitalize().replace("_", "")) == 1


def test_whatever_the_package_cites_is_among_the_references():
    package = Path(catapult_sim.__file__).parent
    cited = {
        key
        for path in package.rglob("*.py")
        for key in re.findall(r"\[([A-Z][a-z]+\d{4}\w*)\]", path.read_text())
    }
    assert len(cited) > 10
    assert cited <= {*KEYS}
    assert [*dict.fromkeys(KEYS)] == KEYS
