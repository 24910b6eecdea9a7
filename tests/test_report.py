"""Words and plain data of the verdicts."""

import json
import math

from catapult_sim import report
from catapult_sim.claims.claim import Claim, Claims, Source, equals, measured
from catapult_sim.claims.verdict import Judgement, Verdict
from catapult_sim.experiments.bench import Bench
from catapult_sim.numeric.runs.measured import Measured


def judgement(value, verdict, relation="="):
    says = Source("Paper", "paper", "eq. 1")
    kind = "theorem" if verdict in (Verdict.HOLDS, Verdict.FAILS) else "statement"
    claim = Claim("test.a", "A | thing", says, 4.0, None, 0.1, relation, kind, because="its words")
    return Judgement(claim, 4.0, Measured(value, 0.02, 8), verdict, 1.23456)


ROWS = [judgement(4.01, Verdict.CONFIRMED), judgement(math.nan, Verdict.OPEN, "<=")]


def test_the_table_shows_predicted_measured_tolerance_and_verdict():
    lines = report.table(ROWS).splitlines()
    assert lines[2].split("  ")[-1] == "confirmed"
    assert "4.01(2)" in lines[2]
    assert "<= 4" in lines[3]
    assert "no number" in lines[3]


def test_the_summary_counts():
    assert report.summary(ROWS) == "2 claims: 1 confirmed, 1 open"
    assert report.summary(ROWS[:1]) == "1 claim: 1 confirmed"
    exact = [judgement(4.0, one) for one in (Verdict.HOLDS, Verdict.FAILS)]
    assert report.summary(exact) == "2 claims: 1 holds, 1 fails"
    assert report.summary(exact * 2 + ROWS * 2) == "8 claims: 2 hold, 2 fail, 2 confirmed, 2 open"


def test_json_holds_every_column_and_no_nan():
    found = json.loads(json.dumps(report.as_dict(ROWS, []), allow_nan=False))
    assert found["boundaries"] == []
    assert found["claims"][0] == {
        "id": "test.a",
        "text": "A | thing",
        "says": "Paper",
        "role": "paper",
        "source": "Paper, eq. 1",
        "arxiv": "",
        "kind": "statement",
        "setting": "own",
        "reduced": "",
        "relation": "=",
        "predicted": 4.0,
        "measured": 4.01,
        "error": 0.02,
        "n": 8,
        "at_least": False,
        "at_most": False,
        "seeds": [],
        "tolerance": 0.1,
        "because": "its words",
        "verdict": "confirmed",
        "reason": "",
        "seconds": 1.235,
    }
    assert found["claims"][1]["measured"] is None
    assert found["claims"][1]["reason"].startswith("there was nothing to measure")


def test_markdown_states_the_protocol_and_the_normalisation():
    page = report.markdown(ROWS, Bench(0), "figure.png")
    assert page.startswith("# Verification report")
    assert "(1/2m) sum |f - y|^2" in page
    assert "![phase diagram](figure.png)" in page
    assert "| confirmed" in page
    assert "- `test.a`: Paper, eq. 1 (statement); tolerance: its words" in page
    assert "open: there was nothing to measure here" in page
    assert "## Statements, in the papers' own settings" in page
    assert "## Theorems" not in page
    assert "![" not in report.markdown(ROWS, Bench(0), None)


PAPER, OTHER = Source("Paper", "paper"), Source("Follower", "follow-up")


def nothing(bench):
    """Stand for a measurement that is not made."""


def judged(says, value, *, tolerance=0.1, kind="statement", name="a"):
    claims = Claims(says, "group", kind=kind)
    claim = claims(name, f"{name} is 4", equals(nothing, 4.0, within=tolerance))
    return Judgement.of(claim, 4.0, Measured(value, 1e-9, 8), 1.0)


def test_there_is_a_line_per_paper_with_counts_and_its_most_telling_number():
    found = [
        judged(OTHER, 4.0, name="x"),
        judged(PAPER, 4.01, name="near"),
        judged(PAPER, 4.2, name="far"),
        judged(PAPER, 9.0, name="farther"),
        judged(PAPER, 4.0, name="exact", kind="theorem"),
    ]
    paper, follower = report.brief(found).splitlines()
    assert paper.split("  ")[0] == "Paper"
    assert "1 holds, 1 confirmed, 2 refuted" in paper
    assert paper.endswith("farther is 4: 9 +- 1e-09")
    assert follower.startswith("Follower")
    assert "1 confirmed" in follower


def test_where_all_agrees_the_statement_nearest_to_the_edge_is_told():
    found = [judged(PAPER, value, name=str(value)) for value in (4.05, 4.01, 3.97)]
    assert "4.05 is 4" in report.telling(found)
    finding = Claims(PAPER, "g")("a", "b", measured(nothing))
    only = [Judgement.of(finding, math.nan, found[0].measured, 1.0)]
    assert report.telling(only).startswith("b: 4.05")


def test_what_differs_is_told_with_its_number_and_its_id():
    found = [judged(PAPER, 4.0), judged(PAPER, 9.0, name="far")]
    (line,) = report.different(found)
    assert line.startswith("refuted: far is 4")
    assert "predicted = 4, measured 9" in line
    assert line.endswith("group.far")


def test_words_say_whether_what_must_hold_holds():
    good, bad = judged(PAPER, 4.0, kind="theorem"), judged(PAPER, 9.0, kind="theorem")
    assert report.words([good]).endswith("Everything that must hold holds.")
    assert report.words([good, bad]).endswith("What must hold fails: group.a.")
    assert report.HEADERS[1] not in report.words([good])
    assert report.HEADERS[1] in report.words([good], rows=True)
    assert report.words([judged(PAPER, 4.0)]).endswith("No theorem was judged.")


def test_rows_have_ids_and_what_is_open_its_reason():
    nothing = judged(PAPER, math.nan, name="empty")
    said = report.words([judged(PAPER, 4.0, name="near"), nothing], rows=True)
    for name in ("near", "empty"):
        assert f"group.{name}" in [line.strip() for line in said.splitlines()]
    assert "no number" in said
    assert "nan" not in said
    assert f"open: group.empty\n    {nothing.reason}" in said
    assert nothing.reason.startswith("there was nothing to measure here")


def test_inputs_are_described_as_they_were_scaled():
    for inputs, said in (("global", "one mean and one variance"), ("pixel", "scaled by itself")):
        page = report.markdown([judged(PAPER, 4.0)], Bench(inputs=inputs), None)
        assert said in page.split("\n\n")[1]


def test_chance_is_counted_for_statements_that_are_decided():
    found = [judged(PAPER, 4.0), judged(PAPER, 9.0), judged(PAPER, 4.0, kind="theorem"), ROWS[1]]
    assert "of 2 statements decided here at most 0.01 are expected" in report.by_chance(found)
    assert "at most 1 are" in report.by_chance(found[:2] * 100)


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


def test_chance_is_not_spoken_of_where_no_statement_was_decided():
    found = [judged(PAPER, 4.0, kind="theorem")]
    assert "no statement was decided" in report.by_chance(found)
