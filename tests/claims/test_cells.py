"""Claims as cells: the boundaries that a judgement asked for."""

import numpy as np

from catapult_sim.claims.cells import judgement_of
from catapult_sim.experiments import one_sample
from catapult_sim.experiments.bench import Bench

BENCH = {"seed": 5, "effort": "quick", "data": "digits"}


def test_a_judgement_lists_a_boundary_that_it_asked_for_width_by_width():
    """The one-sample model rises where c - c^2 f_0^2 / (n lambda_0^2) = 2, start by start."""
    rows = judgement_of(BENCH | {"claim": "catapult.one-sample.rise"})["boundaries"]
    assert [(row["model"], row["boundary"]) for row in rows] == [("one sample", "rise")] * 6
    assert [row["width"] for row in rows] == list(one_sample.WIDTHS)
    f, lam = np.moveaxis(one_sample.starts(Bench(5)), -1, 0)
    for row, q in zip(rows, f**2 / (np.array(one_sample.WIDTHS)[:, None] * lam**2), strict=True):
        expected = 4 / (1 + np.sqrt(1 - 8 * q))
        lower, upper = np.transpose(row["brackets"])
        assert (lower <= expected * (1 + 1e-9)).all()
        assert (upper >= expected * (1 - 1e-9)).all()


def test_a_judgement_that_asks_for_no_boundary_lists_none_that_is_known():
    for claim, rows in (("catapult.one-sample.rise", 6), ("catapult.peak.width", 0)):
        assert len(judgement_of(BENCH | {"claim": claim})["boundaries"]) == rows
