"""Claims: how rows are stated, and what a judgement makes of them."""

import math
import pkgutil
import re

import pytest

from catapult_sim import claims
from catapult_sim.claims import CLAIMS
from catapult_sim.claims.claim import KINDS, Claims, at_most, equals
from catapult_sim.claims.verdict import NOTHING, Judgement, Judgements, Verdict, judge
from catapult_sim.numeric.runs.measured import Measured, NothingToMeasure
from tests.html import Table

theorem = Claims("Paper", "group", "a net", "theorem", cost=3, given={"scale": 2.0})


def scaled(bench, scale, of=1.0):
    return Measured(scale * of, 0.0, 4)


def test_a_row_joins_what_all_have_in_common_with_its_own():
    claim = theorem("end", "it ends", equals(scaled, 2.0, within=0.1))
    assert (claim.id, claim.text, claim.source) == ("group.end", "a net: it ends", "Paper")
    assert (claim.kind, claim.cost, claim.tolerance, claim.relation) == ("theorem", 3, 0.1, "=")
    assert claim.measure(None) == Measured(2.0, 0.0, 4)
    own = theorem("a", "b", at_most(scaled, 1), source="here", kind="conjecture", cost=7)
    assert (own.source, own.kind, own.cost) == ("here", "conjecture", 7)
    assert (own.tolerance, own.relation) == (0.0, "<=")
    assert Claims("Paper", "group")("a", "b", at_most(scaled, 1)).text == "b"


@pytest.mark.parametrize(
    ("compared", "verdict"),
    [
        (equals(scaled, 2.0, within=0.0), Verdict.CONFIRMED),
        (equals(scaled, lambda bench: 1.9, within=0.2), Verdict.CONFIRMED),
        (equals(scaled, lambda bench: 1.9, within=0.05), Verdict.REFUTED),
        (at_most(scaled, 2.5), Verdict.CONFIRMED),
        (at_most(scaled, 1.5), Verdict.REFUTED),
        (at_most(scaled, 1.5, within=0.6), Verdict.CONFIRMED),
    ],
)
def test_a_prediction_is_a_number_or_follows_from_the_bench(compared, verdict):
    assert judge(theorem("a", "b", compared), None).verdict is verdict


def test_where_there_is_nothing_to_measure_a_claim_is_inconclusive():
    def nothing(bench):
        raise NothingToMeasure

    judged = judge(Claims("Paper", "group")("a", "b", equals(nothing, 2.0, within=9.0)), None)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.measured is NOTHING
    assert (judged.predicted, judged.measured.n) == (2.0, 0)
    assert math.isnan(judged.measured.value)


def test_any_other_exception_is_a_fault():
    with pytest.raises(TypeError):
        judge(theorem("a", "b", equals(lambda: None, 0.0, within=0.0)), None)


def test_a_conjecture_says_that_it_is_guessed_and_no_theorem_does():
    assert {claim.kind for claim in CLAIMS} == {*KINDS}
    for claim in CLAIMS:
        assert ("guessed" in claim.source) == (claim.kind == "conjecture"), claim.id
        assert claim.kind != "theorem" or "observed" not in claim.source, claim.id


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
    assert header == ["id", "text", "source", "kind", "relation", "tolerance"]
    assert row[0] == "group.end"
    header, row, other = Table(judged()._repr_html_()).rows
    assert header == ["claim", "predicted", "measured", "tolerance", "verdict"]
    assert row[1:] == ["= 2", "2.10(1)", "0.1", "inconclusive"]
    assert other[1:] == ["<= 2", "2.10(1)", "0", "refuted"]
    assert "a &lt; b" in judged()._repr_html_()


def test_judgements_print_as_their_counts_and_have_a_frame_of_numbers():
    pytest.importorskip("pandas")
    assert repr(judged()) == "Judgements(0 confirmed, 1 refuted, 1 inconclusive)"
    frame = judged().to_frame()
    assert list(frame.id) == ["group.end", "group.most"]
    assert list(frame.value - frame.predicted) == pytest.approx([0.1, 0.1])
    assert list(frame.verdict) == ["inconclusive", "refuted"]
