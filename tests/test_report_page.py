"""The report page: one file with every claim, which escapes what it is given."""

import itertools
import re
from html.parser import HTMLParser

import pytest

from catapult_sim.report_page import BAND, DEEP, FAR, LEFT, distance, headline, page, strip, wall

ABOUT = {"effort": "quick", "seed": 3, "data": "digits", "version": "1.0", "command": "judge"}
CLAIM = {
    "id": "catapult.end",
    "text": "convergence ends at c = 4",
    "says": "Lewkowycz et al. 2020",
    "role": "paper",
    "source": "Lewkowycz et al. 2020, theorem 1",
    "kind": "statement",
    "setting": "own",
    "reduced": "",
    "relation": "=",
    "predicted": 4.0,
    "measured": 4.1,
    "error": 0.05,
    "n": 8,
    "at_least": False,
    "at_most": False,
    "tolerance": 0.4,
    "because": "brackets",
    "verdict": "confirmed",
    "reason": "",
}


class Marks(HTMLParser):
    """Tags and ids of a page; it fails where a tag is closed that is not open."""

    VOID = ("meta", "input", "img", "link", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.tags, self.links = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[name] for name in ("href", "src", "action") if name in given]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "option" and self.open[-1] == "option":
            self.open.pop()
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_links_to_itself_only():
    text = page({"claims": [CLAIM, CLAIM | {"id": "catapult.rise"}]}, ABOUT, figure=b"png")
    marks = Marks(text)
    assert marks.ids.count("catapult.end") == marks.ids.count("catapult.rise") == 1
    inside = [link for link in marks.links if link.startswith("#")]
    assert {link[1:] for link in inside} <= set(marks.ids)
    assert all(link.startswith("data:image/png;base64,") for link in set(marks.links) - set(inside))
    assert not re.search(r"https?://|@import|url\(", text)


@pytest.mark.parametrize("name", ["id", "text", "says", "source", "reduced", "because", "reason"])
def test_what_comes_from_outside_is_escaped(name):
    hostile = CLAIM | {name: "\"'><script>alert(1)</script>&"}
    text = page({"claims": [hostile]}, ABOUT | {"data": "<b>data</b>", "command": "<b>data"})
    assert text.count("<script>") == 1
    assert "<b>data" not in text
    assert "alert(1)</script>" not in text
    Marks(text)


def test_an_equation_stands_with_its_claim():
    text = page({"claims": [CLAIM]}, ABOUT, equations={"catapult.end": "<math><mi>f</mi></math>"})
    assert "<math><mi>f</mi></math>" in text


def test_without_claims_there_is_a_page():
    text = page({"claims": []}, ABOUT)
    Marks(text)
    assert "No theorem was judged. No statement was judged." in text
    assert "0 of 0" not in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 0.25),
        ({"measured": 3.2}, 2.0),
        ({"relation": "<=", "measured": 4.4}, 1.0),  # at the edge
        ({"relation": "<=", "measured": 3.0}, -2.5),  # far on the stated side
        ({"relation": ">=", "measured": 3.2}, 2.0),
        ({"relation": ">=", "tolerance": 0.0, "measured": 3.9}, 3.0),  # two standard errors
        ({"predicted": None}, None),
        ({"measured": None}, None),
    ],
)
def test_distance_is_in_tolerances(change, expected):
    found = distance(CLAIM | change)
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_wall_has_a_mark_for_every_verdict_and_none_for_findings():
    claims = [CLAIM | {"id": f"a.{k}"} for k in range(30)]
    claims.append(CLAIM | {"id": "b", "verdict": "measured", "kind": "finding", "predicted": None})
    claims.append(CLAIM | {"id": "c", "says": "another", "measured": 1e9, "verdict": "refuted"})
    claims.append(CLAIM | {"id": "d", "says": "another", "measured": None, "verdict": "open"})
    rows = wall(claims)
    assert [row.name for row in rows] == ["Lewkowycz et al. 2020", "another"]
    dots = [dot for row in rows for dot in row.dots]
    assert {dot.claim["id"] for dot in dots} == {one["id"] for one in claims} - {"b"}
    assert len({(dot.x, dot.y) for dot in dots}) == len(dots)  # none hides another
    assert len({dot.y for dot in rows[0].dots}) == DEEP
    far, nowhere = rows[1].dots
    assert far.shape == "bad"
    assert far.x > LEFT + BAND + 2 * (LEFT + BAND - LEFT) / 3
    assert nowhere.x < LEFT
    assert distance(CLAIM | {"measured": 1e9}) > FAR


def test_papers_come_before_what_is_said_here():
    ours = CLAIM | {"id": "ours", "says": "derived here", "role": "derived"}
    assert [row.name for row in wall([ours, CLAIM])] == ["Lewkowycz et al. 2020", "derived here"]


def test_rows_of_the_wall_do_not_overlap():
    rows = wall([CLAIM | {"id": f"{k}", "says": f"{k % 3}"} for k in range(40)])
    for above, below in itertools.pairwise(rows):
        assert max(dot.y for dot in above.dots) < below.top < min(dot.y for dot in below.dots)


def test_a_strip_shows_where_the_measurement_lies_in_its_band():
    drawn = strip(CLAIM | {"seeds": [4.0, 4.2]})
    assert drawn.band[0] < drawn.predicted < drawn.measured < drawn.band[1]
    middle = (drawn.band[0] + drawn.band[1]) / 2
    assert drawn.predicted == pytest.approx(middle)
    scale = (drawn.band[1] - drawn.band[0]) / 0.8
    assert drawn.measured - drawn.predicted == pytest.approx(0.1 * scale, abs=0.02)
    assert drawn.seeds == pytest.approx([drawn.predicted, drawn.predicted + 0.2 * scale], abs=0.02)
    assert strip(CLAIM | {"relation": "<="}).band[0] == 0
    assert strip(CLAIM | {"relation": ">="}).band[1] == 100
    assert strip(CLAIM | {"predicted": None}) is None


def test_the_headline_counts():
    exact = {"kind": "theorem"}
    good, bad = exact | {"verdict": "holds"}, exact | {"verdict": "fails"}
    undecided = exact | {"verdict": "open"}
    assert headline([good, bad]).startswith("1 of 2 theorems fails.")
    assert headline([good, undecided]).startswith("1 of 2 theorems holds, the other is open.")
    stated = [CLAIM | {"verdict": verdict} for verdict in ("seen", "not seen here", "open")]
    assert headline([good, good, *stated]) == (
        "All 2 theorems hold. Of 3 statements about networks 1 was seen to hold, 1 was not, and "
        "1 is open."
    )


@pytest.mark.parametrize(
    ("theorems", "statements", "said"),
    [
        ([], [], "No theorem was judged. No statement was judged."),
        (["holds"], [], "The one theorem holds. No statement was judged."),
        (
            ["fails"],
            ["seen"],
            "The one theorem fails. The one statement about networks was seen to",
        ),
        (
            ["open"],
            ["refuted"],
            "The one theorem is open. The one statement about networks was not",
        ),
        ([], ["open"], "No theorem was judged. The one statement about networks is open."),
        ([], ["seen"] * 2, "No theorem was judged. Of 2 statements about networks 2 were seen to"),
        (["fails"] * 2, [], "2 of 2 theorems fail. No"),
        (["open"] * 2 + ["holds"], [], "1 of 3 theorems holds, the others are open. No"),
    ],
)
def test_the_headline_speaks_of_none_one_and_many(theorems, statements, said):
    kinds = [("theorem", theorems), ("statement", statements)]
    found = [{"kind": kind, "verdict": one} for kind, verdicts in kinds for one in verdicts]
    assert headline(found).startswith(said)


def test_a_card_links_its_source():
    drawn = {"claims": [CLAIM | {"arxiv": "2003.02218"}, CLAIM]}
    before = Marks(page({"claims": [CLAIM, CLAIM]}, ABOUT)).links
    assert sorted(Marks(page(drawn, ABOUT)).links) == sorted(
        [*before, "https://arxiv.org/abs/2003.02218"]
    )


def test_a_card_names_its_figure_and_links_to_the_gallery_where_there_is_one():
    drawn = {"claims": [CLAIM | {"id": "catapult.c_act.relu-2"}, CLAIM]}
    assert page(drawn, ABOUT).count("figures/c_act.py") == 1
    assert Marks(page(drawn, ABOUT, gallery="there")).links == [
        *Marks(page(drawn, ABOUT)).links,
        "there/c_act.html",
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measured": 4.00005, "error": 9e-5}, "4.00005 ± 9e-05"),
        ({"measured": 3.9981, "error": 0.0042}, "3.998(4)"),
        ({"measured": 57.0, "error": 5.0, "at_least": True}, "≥ 57(5)"),
        ({"measured": 3.4, "error": 0.5, "at_most": True}, "≤ 3.4(5)"),
        ({"measured": 1.89288, "error": None}, "1.89288"),
        ({"measured": None, "error": None}, "-"),
    ],
)
def test_what_was_measured_has_the_digits_that_its_error_leaves(change, said):
    text = page({"claims": [CLAIM | change]}, ABOUT)
    assert f"<dt>measured</dt><dd>{said} <span" in text


def test_formulas_keep_the_layout_of_formulas():
    # With display: block every part of a formula would stand on a line of its own.
    styles = re.findall(r"math[^{},]*{([^}]*)}", page({"claims": []}, ABOUT).split("</style>")[0])
    assert styles
    assert not [style for style in styles if re.search(r"display: (?!\w+ math)", style)]
