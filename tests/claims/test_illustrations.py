"""Illustrations of claims: tables whose entries exist, found by the longest beginning."""

from pathlib import Path

import pytest

from catapult_sim import claims
from catapult_sim.claims.illustrations import EQUATIONS, FIGURES, equations_of, figure_of
from catapult_sim.symbolic import printed

SCRIPTS = {path.stem for path in (Path(__file__).parents[2] / "figures").glob("*.py")}
IDS = [claim.id for claim in claims.CLAIMS]


def test_every_figure_and_every_derivation_exists():
    assert set(FIGURES.values()) <= SCRIPTS
    assert set(EQUATIONS.values()) <= {name for name, *_ in printed.listing()}


@pytest.mark.parametrize("table", [FIGURES, EQUATIONS])
def test_every_entry_is_of_some_claim(table):
    for start in table:
        assert any(one == start or one.startswith(f"{start}.") for one in IDS), start


def test_the_longest_beginning_decides():
    assert figure_of("catapult.c_act.relu-2") == "c_act"
    assert figure_of("catapult.c_act.table.relu-1-raw") == "input_scaling"
    assert figure_of("catapult.c_actual") is None
    assert list(equations_of(["catapult.map", "catapult.mapped"])) == ["catapult.map"]


def test_claims_of_networks_have_figures():
    """Those of theorems and of instruments are numbers; nearly all others are drawn somewhere."""
    stated = [one.id for one in claims.CLAIMS if one.kind != "theorem"]
    without = [one for one in stated if figure_of(one) is None]
    assert len(without) < len(stated) / 20, without
