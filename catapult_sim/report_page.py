"""The report page: the judged claims as one HTML file, which needs no network and no JavaScript.

It is made of the plain data of ``report.json`` (see :func:`catapult_sim.report.as_dict`), so that a
page can be drawn again from a folder. All texts are escaped by the template engine.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from catapult_sim.claims import verdict
from catapult_sim.claims.claim import ROLES
from catapult_sim.claims.illustrations import figure_of
from catapult_sim.numeric.runs.measured import Measured

Claim = Mapping[str, Any]  # an entry of "claims" in report.json

GOOD, BAD = ({one.value for one in kinds} for kinds in (verdict.GOOD, verdict.BAD))
SHAPES = {**dict.fromkeys(GOOD, "good"), **dict.fromkeys(BAD, "bad"), "open": "open"}
FAR = 1000.0  # tolerances; dots beyond stand at the right end of the wall
LEFT, BAND, DECADE, RADIUS, GAP = 40.0, 330.0, 110.0, 3.6, 10.0  # of the wall, in pixels
DEEP = 7  # dots above each other; more of them stand beside


class Dot(NamedTuple):
    """A verdict on the wall of evidence."""

    claim: Claim
    x: float
    y: float
    shape: str


class Row(NamedTuple):
    """The dots of one source, beneath its name."""

    name: str
    top: float
    bottom: float
    dots: list[Dot]


def page(
    found: Mapping[str, Any],
    about: Mapping[str, Any],
    *,
    equations: Mapping[str, str] | None = None,
    figure: bytes | None = None,
    gallery: str | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    found : mapping
        The content of ``report.json``.
    about : mapping
        ``effort``, ``seed``, ``data`` and ``version``, and ``command``, which judges one claim
        when its id follows.
    equations : mapping of str to str, optional
        MathML by the id of a claim, such as a derivation prints.
    figure : bytes, optional
        A picture in the format PNG.
    gallery : str, optional
        Where the pages of figures are, for links: the folder's address.

    Examples
    --------
    >>> about = {"effort": "quick", "seed": 0, "data": "digits", "version": "1", "command": "judge"}
    >>> text = page({"claims": []}, about)
    >>> text.startswith("<!doctype html>"), "http" in text.replace("http://www.w3.org", "")
    (True, False)
    """
    claims = found["claims"]
    rows = wall(claims)
    engine = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    text = files("catapult_sim").joinpath("report_page.html").read_text(encoding="utf-8")
    template = engine.from_string(text)
    return template.render(
        about=about,
        claims=claims,
        sources=_by_source(claims),
        headline=headline(claims),
        numbers=_numbers(claims),
        rows=rows,
        ticks=_ticks(),
        size=(_ticks()[-1][0] + 30, rows[-1].bottom + 44 if rows else 60),
        edge=LEFT + BAND,
        strip=strip,
        equations=equations or {},
        shape=lambda claim: SHAPES.get(claim["verdict"], "measured"),
        number=_number,
        figure_of=figure_of,
        gallery=gallery,
        measured=_measured,
        figure=base64.b64encode(figure).decode() if figure else None,
        choices={name: list({one[name]: None for one in claims}) for name in ("kind", "verdict")},
    )


def headline(claims: Sequence[Claim]) -> str:
    """Return the outcome in one sentence.

    Examples
    --------
    >>> headline([{"kind": "theorem", "verdict": "holds"}] * 2)
    'All 2 theorems hold. No statement was judged.'
    """
    exact = [one["verdict"] for one in claims if one["kind"] == "theorem"]
    stated = [one["verdict"] for one in claims if one["kind"] == "statement"]
    return f"{_of_theorems(exact)} {_of_statements(stated)}"


def _of_theorems(verdicts: Sequence[str]) -> str:
    (held, failed), all_of_them = _good_and_bad(verdicts), len(verdicts)
    if not verdicts:
        return "No theorem was judged."
    if all_of_them == 1:
        word = "fails" if failed else "holds" if held else "is open"
        return f"The one theorem {word}."
    if failed:
        return f"{failed} of {all_of_them} theorems {_verb(failed, 'fails', 'fail')}."
    if held == all_of_them:
        return f"All {held} theorems hold."
    rest = all_of_them - held
    return (
        f"{held} of {all_of_them} theorems {_verb(held, 'holds', 'hold')}, "
        f"the {_verb(rest, 'other is', 'others are')} open."
    )


def _of_statements(verdicts: Sequence[str]) -> str:
    good, bad = _good_and_bad(verdicts)
    rest = len(verdicts) - good - bad
    if not verdicts:
        return "No statement was judged."
    if len(verdicts) == 1:
        word = "was seen to hold" if good else "was not seen to hold" if bad else "is open"
        return f"The one statement about networks {word}."
    return (
        f"Of {len(verdicts)} statements about networks {good} {_verb(good, 'was', 'were')} seen to "
        f"hold, {bad} {_verb(bad, 'was', 'were')} not, and {rest} {_verb(rest, 'is', 'are')} open."
    )


def _good_and_bad(verdicts: Sequence[str]) -> tuple[int, int]:
    return sum(one in GOOD for one in verdicts), sum(one in BAD for one in verdicts)


def _verb(count: int, one: str, several: str) -> str:
    return one if count == 1 else several


def distance(claim: Claim) -> float | None:
    """Return how far a measurement lies from what is claimed: 0 is exact, 1 the tolerance's edge.

    Where only a direction is stated, the unit is the standard error, and less than 1 is on the
    stated side. None where there is no number.

    Examples
    --------
    >>> claim = {"predicted": 4.0, "measured": 4.1, "error": 0.1, "relation": "=", "tolerance": 0.4}
    >>> round(distance(claim), 3), round(distance(claim | {"relation": "<=", "tolerance": 0.0}), 3)
    (0.25, 2.0)
    """
    predicted, measured = claim["predicted"], claim["measured"]
    if predicted is None or measured is None:
        return None
    gap, tolerance = measured - predicted, claim["tolerance"]
    beyond = {"=": abs(gap), "<=": gap, ">=": -gap}[claim["relation"]]
    if claim["relation"] == "=" and tolerance:
        return float(beyond / tolerance)
    unit = tolerance or claim["error"] or abs(predicted) or 1.0
    return float(1 + (beyond - tolerance) / unit)


def wall(claims: Sequence[Claim]) -> list[Row]:
    """Return every verdict as a dot at its distance: a row for each source, dots beside each other.

    Findings, for which nothing is predicted, have no dot.
    """
    rows: list[Row] = []
    top = 4.0
    for name, group in _by_source(claims).items():
        judged = [one for one in group if one["verdict"] in SHAPES]
        if not judged:
            continue
        places = _beside([_place(one) for one in judged])
        half = RADIUS * (1 + 2 * max(abs(level) for _, level in places))
        middle = top + 2 * GAP + half
        dots = [
            Dot(one, x, middle + 2 * RADIUS * level, SHAPES[one["verdict"]])
            for one, (x, level) in zip(judged, places, strict=True)
        ]
        rows.append(Row(name, top, middle + half, dots))
        top = middle + half + GAP / 2
    return rows


def _place(claim: Claim) -> float:
    """Return the horizontal place of a dot: linear up to the tolerance, logarithmic beyond."""
    far = distance(claim)
    if far is None:
        return LEFT / 2  # left of the axis: there is no number
    if far <= 1:
        return LEFT + BAND * max(far, 0.0)
    return LEFT + BAND + DECADE * math.log10(min(far, FAR))


def _beside(places: Sequence[float]) -> list[tuple[float, int]]:
    """Return places in columns of a dot's width, and levels 0, 1, -1, 2, ... within each."""
    taken: Counter[int] = Counter()
    found = []
    for x in places:
        column = round(x / (2 * RADIUS))
        while taken[column] == DEEP:
            column += 1
        count = taken[column]
        taken[column] += 1
        found.append((column * 2 * RADIUS, (count + 1) // 2 * (1 if count % 2 else -1)))
    return found


def _ticks() -> list[tuple[float, str]]:
    inside = [(LEFT + BAND * part, f"{part:g}") for part in (0.0, 0.5, 1.0)]
    decades = range(1, round(math.log10(FAR)) + 1)
    return inside + [(LEFT + BAND + DECADE * k, f"{10**k}") for k in decades]


class Strip(NamedTuple):
    """The numbers of a claim on one axis from 0 to 100: the claimed band and the measurement."""

    band: tuple[float, float]
    predicted: float
    measured: float
    error: tuple[float, float]
    seeds: list[float]
    ends: tuple[str, str]


def strip(claim: Claim) -> Strip | None:
    """Return where prediction, tolerance and measurement lie on a common axis; None without both.

    Examples
    --------
    >>> claim = {"predicted": 4.0, "measured": 5.0, "error": 0.0, "relation": "=", "tolerance": 1.0}
    >>> strip(claim).band, strip(claim).measured
    ((8.0, 92.0), 92.0)
    """
    predicted, measured = claim["predicted"], claim["measured"]
    if predicted is None or measured is None:
        return None
    tolerance, error = claim["tolerance"], claim["error"] or 0.0
    seeds = list(claim.get("seeds", ()))
    shown = [predicted - tolerance, predicted + tolerance, measured - error, measured + error]
    low, high = min(*shown, *seeds), max(*shown, *seeds)
    span = high - low or abs(high) or 1.0
    if high == low:
        low -= span / 2

    def at(value: float) -> float:
        return round(8 + 84 * (value - low) / span, 2)

    relation = claim["relation"]
    band = (
        0.0 if relation == "<=" else at(predicted - tolerance),
        100.0 if relation == ">=" else at(predicted + tolerance),
    )
    return Strip(
        band,
        at(predicted),
        at(measured),
        (at(measured - error), at(measured + error)),
        [at(value) for value in seeds],
        (_number(low), _number(low + span)),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _measured(claim: Claim) -> str:
    """Return what was measured with its error, to the digits that the error leaves.

    Examples
    --------
    >>> _measured({"measured": 57.3, "error": 5.0, "n": 4, "at_least": True, "at_most": False})
    '≥ 57(5)'
    >>> _measured({"measured": 4.00005, "error": 9e-5, "n": 8, "at_least": False, "at_most": False})
    '4.00005 ± 9e-05'
    """
    if claim["measured"] is None:
        return "-"
    bounds = claim["at_least"], claim["at_most"]
    error = math.nan if claim["error"] is None else claim["error"]
    words = str(Measured(claim["measured"], error, claim["n"], *bounds))
    return words.replace(">=", "≥").replace("<=", "≤").replace("+-", "±")


def _numbers(claims: Sequence[Claim]) -> list[tuple[str, str]]:
    """Return the numbers of the page, each with what it counts."""
    exact = [one["verdict"] for one in claims if one["kind"] == "theorem"]
    stated = [one["verdict"] for one in claims if one["kind"] == "statement"]
    (held, _), (good, bad) = _good_and_bad(exact), _good_and_bad(stated)
    rest = len(stated) - good - bad
    shares = [(held, len(exact), "theorems hold"), (good, good + bad, "decided statements agree")]
    numbers = [(f"{count} of {total}", words) for count, total, words in shares if total]
    return [*numbers, (f"{rest}", _verb(rest, "statement is open", "statements are open"))]


def _by_source(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """Return claims by who says them: the papers, those that follow them, this package."""
    found: dict[str, list[Claim]] = {}
    for one in sorted(claims, key=lambda claim: ROLES.index(claim["role"])):
        found.setdefault(one["says"], []).append(one)
    return found
