"""Words and plain data of the verdicts."""

import json
import math

from catapult_sim import report
from catapult_sim.claims.bench import Bench
from catapult_sim.claims.verdict import Claim, Judgement, Verdict
from catapult_sim.numeric.measured import Measured
from catapult_sim.numeric.phases import boundary


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


def test_json_holds_every_column_and_no_nan():
    found = json.loads(json.dumps(report.as_dict(ROWS, Bench(0)), allow_nan=False))
    assert found["boundaries"] == []
    assert found["claims"][0] == {
        "id": "test.a",
        "text": "A | thing",
        "source": "Paper, eq. 1",
        "relation": "=",
        "predicted": 4.0,
        "measured": 4.01,
        "error": 0.02,
        "n": 8,
        "at_least": False,
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
    assert "![" not in report.markdown(ROWS, Bench(0), None)


def test_boundaries_keep_a_bracket_per_seed_and_open_ends():
    bench = Bench(0)
    found = boundary(lambda c: (c > [3.0, 99.0]) * 2 - 1, 1, 8, members=2)
    bench.once(("closure", "end", 1000), lambda: found)
    (row,) = report.boundaries(bench)
    assert (row["model"], row["boundary"], row["width"]) == ("linear network on data", "end", 1000)
    assert row["brackets"] == [[found.lower[0], found.upper[0]], [found.lower[1], None]]
