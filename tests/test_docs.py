"""The pages in docs/: their code runs as it stands."""

import re
from pathlib import Path

import pytest

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
