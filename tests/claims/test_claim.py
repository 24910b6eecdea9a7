"""Claims: how rows are stated, and what a judgement makes of them."""

import math
import pkgutil
import re

import pytest

from catapult_sim import claims
from catapult_sim.claims import CLAIMS
from catapult_sim.claims.claim import (
    KINDS,
    ROLES,
    Claims,
    Source,
    at_least,
    at_most,
    equals,
    measured,
)
from catapult_sim.claims.verdict import NOTHING, Judgement, Judgements, Verdict, judge
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure
from tests.html import Table

PAPER = Source("Paper", "paper")
theorem = Claims(PAPER, "group", "a net", "theorem", cost=3, given={"scale": 2.0})


def scaled(bench, scale, of=1.0):
    return Measured(scale * of, 0.0, 4)


def test_a_row_joins_what_all_have_in_common_with_its_own():
    claim = theorem("end", "it ends", equals(scaled, 2.0, within=0.1, because="the paper"))
    assert (claim.id, claim.text, claim.says) == ("group.end", "a net: it ends", PAPER)
    assert (claim.kind, claim.cost, claim.tolerance, claim.relation) == ("theorem", 3, 0.1, "=")
    assert (claim.setting, claim.because) == ("own", "the paper")
    assert claim.measure(None) == Measured(2.0, 0.0, 4)
    here = Source("here", "derived")
    own = theorem(
        "a", "b", at_most(scaled, 1), says=here, kind="statement", cost=7, reduced="digits"
    )
    assert (own.says, own.kind, own.cost) == (here, "statement", 7)
    assert (own.tolerance, own.relation) == (0.0, "<=")
    assert (own.setting, own.reduced) == ("reduced", "digits")
    assert Claims(PAPER, "group")("a", "b", at_most(scaled, 1)).text == "b"


def test_what_has_no_prediction_is_a_finding_whatever_it_stands_among():
    found = judge(theorem("a", "b", measured(scaled)), None)
    assert found.claim.kind == "finding"
    assert found.verdict is Verdict.MEASURED
    assert math.isnan(found.predicted)
    assert found.measured == Measured(2.0, 0.0, 4)


@pytest.mark.parametrize(
    ("compared", "agrees"),
    [
        (equals(scaled, 2.0, within=0.0), True),
        (equals(scaled, lambda bench: 1.9, within=0.2), True),
        (equals(scaled, lambda bench: 1.9, within=0.05), False),
        (at_most(scaled, 2.5), True),
        (at_most(scaled, 1.5), False),
        (at_most(scaled, 1.5, within=0.6), True),
        (at_least(scaled, 1.5), True),
        (at_least(scaled, 2.5), False),
        (at_least(scaled, 2.5, within=0.6), True),
    ],
)
@pytest.mark.parametrize(
    ("kind", "reduced", "good", "bad"),
    [
        ("theorem", "", Verdict.HOLDS, Verdict.FAILS),
        ("statement", "", Verdict.CONFIRMED, Verdict.REFUTED),
        ("statement", "digits", Verdict.SEEN, Verdict.NOT_SEEN),
    ],
)
def test_the_words_of_a_verdict_are_those_of_kind_and_setting(
    compared, agrees, kind, reduced, good, bad
):
    claim = theorem("a", "b", compared, kind=kind, reduced=reduced)
    assert judge(claim, None).verdict is (good if agrees else bad)


def test_where_there_is_nothing_to_measure_a_claim_is_open():
    def nothing(bench):
        raise NothingToMeasure

    judged = judge(Claims(PAPER, "group")("a", "b", equals(nothing, 2.0, within=9.0)), None)
    assert judged.verdict is Verdict.OPEN
    assert judged.reason.startswith("there was nothing to measure")
    assert judged.measured is NOTHING
    assert (judged.predicted, judged.measured.n) == (2.0, 0)
    assert math.isnan(judged.measured.value)


def test_any_other_exception_is_a_fault():
    with pytest.raises(TypeError):
        judge(theorem("a", "b", equals(lambda: None, 0.0, within=0.0)), None)


def test_every_claim_says_what_it_is():
    assert {claim.kind for claim in CLAIMS} == {*KINDS}
    assert {claim.says.role for claim in CLAIMS} == {*ROLES}
    for claim in CLAIMS:
        assert (claim.predict is None) == (claim.kind == "finding"), claim.id
        assert bool(claim.because) == (claim.kind != "finding"), claim.id
        assert claim.cost > 0, claim.id


def test_theorems_are_judged_in_their_own_setting_and_instruments_are_exact():
    for claim in CLAIMS:
        if claim.kind == "theorem":
            assert claim.setting == "own", claim.id
        if claim.says.role == "instrument":
            assert claim.kind == "theorem", claim.id


def test_every_paper_and_every_source_is_said_to_say_something():
    from catapult_sim.claims import sources

    known = {one for one in vars(sources).values() if isinstance(one, Source)}
    said = {claim.says.name for claim in CLAIMS}
    assert {one.name for one in known} == said
    assert sum(one.role == "paper" for one in known) == 4


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (Measured(2.05, 0.05, 4), "about 137 seeds would decide"),
        (Measured(2.1, 0.01, 4), "too near to it for any number of seeds"),
        (Measured(2.05, 0.05, 4, at_least=True), "only a bound is known"),
        (Measured(2.05, math.inf, 4), "its error is not known"),
        (Measured(math.nan, math.nan, 0), "there was nothing to measure"),
    ],
)
def test_an_open_verdict_says_why_and_what_would_decide(measured, reason):
    claim = theorem("end", "it ends", equals(scaled, 2.0, within=0.1))
    judged = Judgement.of(claim, 2.0, measured, 0.5)
    assert judged.verdict is Verdict.OPEN
    assert reason in judged.reason
    assert not Judgement.of(claim, 2.0, Measured(2.0, 0.0, 4), 0.5).reason


def test_every_paper_in_the_folder_is_on_the_list():
    files = [module.name for module in pkgutil.iter_modules(claims.__path__)]
    papers = [name for name in files if re.match(r"[a-z]+\d{4}", name)]
    assert sorted(claims.PAPERS) == sorted(papers)


def judged():
    end = theorem("end", "it ends where a < b", equals(scaled, 2.0, within=0.1))
    most = theorem("most", "it is small", at_most(scaled, 1.0))
    return Judgements(
        Judgement.of(claim, 2.0, Measured(2.1, 0.01, 4), 0.5) for claim in (end, most)
    )


def test_a_notebook_shows_a_claim_and_judgements_as_tables():
    header, row = Table(judged()[0].claim._repr_html_()).rows
    assert header[:4] == ["id", "text", "says", "kind"]
    assert row[0] == "group.end"
    header, row, other = Table(judged()._repr_html_()).rows
    assert header == ["claim", "predicted", "measured", "tolerance", "verdict"]
    assert row[1:] == ["= 2", "2.10(1)", "0.1", "open"]
    assert other[1:] == ["<= 2", "2.10(1)", "0", "fails"]
    assert "a &lt; b" in judged()._repr_html_()


def test_judgements_print_as_their_counts_and_have_a_frame_of_numbers():
    pytest.importorskip("pandas")
    assert repr(judged()) == "Judgements(1 fails, 1 open)"
    frame = judged().to_frame()
    assert list(frame.id) == ["group.end", "group.most"]
    assert list(frame.value - frame.predicted) == pytest.approx([0.1, 0.1])
    assert list(frame.verdict) == ["open", "fails"]
