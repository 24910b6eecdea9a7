"""Words and plain data of the verdicts."""

import json
import math

from catapult_sim import report
from catapult_sim.claims.claim import Claim
from catapult_sim.claims.verdict import Judgement, Verdict
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured


def judgement(value, verdict, relation="="):
    claim = Claim("test.a", "A | thing", "Paper, eq. 1", None, None, 0.1, relation)
    return Judgement(claim, 4.0, Measured(value, 0.02, 8), verdict, 1.23456)


ROWS = [judgement(4.01, Verdict.CONFIRMED), judgement(math.nan, Verdict.INCONCLUSIVE, "<=")]


def test_the_table_shows_predicted_measured_tolerance_and_verdict():
    lines = report.table(ROWS).splitlines()
    assert lines[2].split("  ")[-1] == "CONFIRMED"
    assert "4.01(2)" in lines[2]
    assert "<= 4" in lines[3]
    assert "nan" in lines[3]


def test_the_summary_counts():
    assert report.summary(ROWS) == "2 claims: 1 confirmed, 0 refuted, 1 inconclusive"
    assert report.summary(ROWS[:1]) == "1 claim: 1 confirmed, 0 refuted, 0 inconclusive"


def test_json_holds_every_column_and_no_nan():
    found = json.loads(json.dumps(report.as_dict(ROWS, []), allow_nan=False))
    assert found["boundaries"] == []
    assert found["claims"][0] == {
        "id": "test.a",
        "text": "A | thing",
        "source": "Paper, eq. 1",
        "kind": "statement",
        "relation": "=",
        "predicted": 4.0,
        "measured": 4.01,
        "error": 0.02,
        "n": 8,
        "at_least": False,
        "at_most": False,
        "tolerance": 0.1,
        "verdict": "confirmed",
        "seconds": 1.235,
    }
    assert found["claims"][1]["measured"] is None


def test_markdown_states_the_protocol_and_the_normalisation():
    page = report.markdown(ROWS, Bench(0), "figure.png")
    assert page.startswith("# Verification report")
    assert "(1/2m) sum |f - y|^2" in page
    assert "![phase diagram](figure.png)" in page
    assert "CONFIRMED" in page
    assert "- `test.a` (statement): Paper, eq. 1" in page
    assert "![" not in report.markdown(ROWS, Bench(0), None)


def test_boundaries_are_named_once_in_the_order_of_models_and_widths():
    def row(model, width):
        return {"model": model, "boundary": "end", "width": width, "brackets": [[3.9, None]]}

    rows = [row("linear network on data", 1000), row("linear network on data", 10)]
    rows += [row("one sample", 100), *rows]
    found = report.as_dict([], rows)["boundaries"]
    assert found == [rows[2], rows[1], rows[0]]


def test_a_paper_may_bring_boundaries_of_models_that_the_report_does_not_know():
    rows = [
        {"model": model, "boundary": "end", "width": 10, "brackets": [[3.9, None]]}
        for model in ("transformer", "convolution", "linear network on data")
    ]
    assert report.as_dict([], rows)["boundaries"] == rows[::-1]


def test_a_table_of_no_verdicts_has_its_head():
    assert report.table([]).split()[0] == report.HEADERS[0].split()[0]
