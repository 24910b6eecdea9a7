"""The pages in docs/: their code runs as it stands."""

import doctest
import re
import shlex
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import catapult_sim
from catapult_sim import claims, cli
from catapult_sim.numeric.runs.phases import Phase
from catapult_sim.symbolic import derivations

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


OWN = (PAGE.parent / "own_model.md").read_text()
TORCH, STUDY, JAX, BOUNDARY, DIAGRAM = re.findall(r"```python\n(.*?)```", OWN, flags=re.DOTALL)


@pytest.mark.parametrize(("model", "needs"), [(TORCH, "torch"), (JAX, "jax")])
def test_an_own_network_is_judged(model, needs, capsys):
    pytest.importorskip(needs)
    names = {}
    for block in (model, STUDY, BOUNDARY, DIAGRAM):
        exec(compile(block, "own_model.md", "exec"), names)
    found, net, theta = (names[name] for name in ("found", "net", "theta"))
    J = np.array([net.kernel_product(theta, names["X"], one) for one in unit_signals(names["y"])])
    assert found.lambda_0 == pytest.approx(np.linalg.eigvalsh(J[..., 0])[-1:], rel=1e-4)
    assert found.phases.names[0][[0, -1]].tolist() == ["lazy", "divergent"]
    assert "catapult" in found.phases.names
    assert {str(Phase(code)) for code in np.ravel(names["phases"])} >= {"lazy", "divergent"}
    rate, c = (float(text.partition("(")[0]) for text in capsys.readouterr().out.split()[-2:])
    assert 2 < c < 16
    assert rate * found.lambda_0[0] == pytest.approx(c, rel=0.1)


def unit_signals(y):
    return np.eye(y.size, dtype=y.dtype).reshape(-1, *y.shape)


PAGES = sorted(path for path in PAGE.parent.rglob("*.md") if "generated" not in path.parts)
SHOWN = [path for path in PAGES if ">>> " in path.read_text()]
TYPED = [
    pytest.param(line.partition("  #")[0], id=f"{path.stem}: {line}")
    for path in PAGES
    for block in re.findall(r"```sh\n(.*?)```", path.read_text(), flags=re.DOTALL)
    for line in block.splitlines()
    if line.startswith("catapult-sim ")
]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_what_a_page_shows_is_what_python_answers(path):
    found = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert (found.attempted > 1, found.failed) == (True, 0)


@pytest.mark.parametrize("line", TYPED)
def test_every_command_of_a_page_is_understood(line):
    words = shlex.split(line)[1:]
    assert callable(cli._parser(words).parse_args(words).run)


def test_every_figure_and_derivation_has_its_place_on_the_site():
    placed = (PAGE.parent / "generate.py").read_text()
    names = [path.stem for path in (PAGE.parent.parent / "figures").glob("[!_]*.py")]
    for name in [*names, *derivations()]:
        assert re.search(rf"[ \"]{name}[ \"]", placed), name


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


def test_papers_that_cards_link_to_have_that_address():
    sources = {claim.says for claim in claims.CLAIMS if claim.says.role in ("paper", "follow-up")}
    assert sources
    for source in sources:
        year = source.name.split()[-1]
        entry = rf"\[{source.name.split()[0]}{year}\w*\]\*\*(?:(?!\n- ).)*?/{source.arxiv}\)"
        assert source.arxiv
        assert re.search(entry, PAPER + REFERENCES, flags=re.DOTALL), source


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
