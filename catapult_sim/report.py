"""The report of judgements: lines per paper, a table, a Markdown page, and plain data for JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from tabulate import tabulate

from catapult_sim.claims.claim import ROLES, Claim
from catapult_sim.claims.verdict import (
    BAD,
    CHANCE,
    GOOD,
    Judgement,
    Verdict,
    count_of,
    predicted_text,
)
from catapult_sim.datasets.dataset import IN_WORDS
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import ARCHITECTURES, LINEAR
from catapult_sim.experiments.one_sample import ONE_SAMPLE
from catapult_sim.printing import counted

HEADERS = ("claim", "predicted", "measured", "tolerance", "verdict")


def table(
    judgements: Sequence[Judgement],
    style: str = "simple",
    text_width: int = 60,
    *,
    ids: bool = False,
) -> str:
    """Return the verdicts as a table; ``style`` is a table format of tabulate.

    With ``ids`` that of each claim stands beneath its text.
    """
    rows = [
        (
            "\n".join([*wrap(judgement.claim.text, text_width), *[judgement.claim.id] * ids]),
            predicted_text(judgement),
            str(judgement.measured),
            "-" if judgement.claim.predict is None else f"{judgement.claim.tolerance:g}",
            judgement.verdict.value,
        )
        for judgement in judgements
    ]
    return tabulate(rows, HEADERS, style, disable_numparse=True)


def words(judgements: Sequence[Judgement], *, rows: bool = False) -> str:
    """Return what a verification prints: lines per paper, what differs, what may be chance.

    With ``rows`` a table of all claims comes first, and why verdicts are open.
    """
    parts = [
        *([table(judgements, ids=True), "\n".join(undecided(judgements))] if rows else []),
        brief(judgements),
        "\n".join(different(judgements)),
        f"{summary(judgements)}. {by_chance(judgements)}",
        exact(judgements),
    ]
    return "\n\n".join(part for part in parts if part)


def exact(judgements: Sequence[Judgement]) -> str:
    """Return in a sentence whether what must hold does."""
    theorems = [one for one in judgements if one.claim.kind == "theorem"]
    fails = [one.claim.id for one in theorems if one.verdict is Verdict.FAILS]
    if fails:
        return f"What must hold fails: {', '.join(fails)}."
    return "Everything that must hold holds." if theorems else "No theorem was judged."


def undecided(judgements: Sequence[Judgement]) -> Iterator[str]:
    """Yield a line for each claim whose verdict is open, with the reason."""
    for one in judgements:
        if one.reason:
            yield f"open: {one.claim.id}\n    {one.reason}"


def by_source(judgements: Iterable[Judgement]) -> dict[str, list[Judgement]]:
    """Return judgements by the name of who says it: the four papers, those that follow, ours."""
    found: dict[str, list[Judgement]] = {}
    for judgement in sorted(judgements, key=lambda one: ROLES.index(one.claim.says.role)):
        found.setdefault(judgement.claim.says.name, []).append(judgement)
    return found


def brief(judgements: Sequence[Judgement]) -> str:
    """Return a line for each paper: its counts, and its most telling number in words."""
    sources = by_source(judgements).items()
    rows = [(name, count_of(found), telling(found)) for name, found in sources]
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def telling(judgements: Sequence[Judgement]) -> str:
    """Return the claim whose verdict says most, with its number, in words.

    What differs comes before what agrees, and what is stated of networks before what is exact;
    among these, the number that lies farthest from its prediction, in units of the tolerance.
    """
    judged = [one for one in judgements if one.verdict in GOOD | BAD]
    if not judged:
        return told(judgements[0]) if judgements else ""

    def weight(one: Judgement) -> tuple[bool, bool, float]:
        differs = one.verdict in BAD
        stated = one.claim.kind == "statement" and one.claim.relation == "="
        distance = abs(one.measured.value - one.predicted) / (one.claim.tolerance or math.inf)
        return differs, stated, distance if math.isfinite(distance) else 0.0

    return told(max(judged, key=weight))


def told(judgement: Judgement) -> str:
    """Return a claim with its number, in one line."""
    return f"{judgement.claim.text}: {judgement.measured}"


def different(judgements: Sequence[Judgement]) -> Iterator[str]:
    """Yield a line for each claim that fails, is refuted or not seen here, with its number."""
    for one in judgements:
        if one.verdict in BAD:
            yield (
                f"{one.verdict.value}: {one.claim.text}\n"
                f"    predicted {predicted_text(one)}, measured {one.measured}   {one.claim.id}"
            )


def by_chance(judgements: Sequence[Judgement]) -> str:
    """Return how many verdicts chance alone is expected to make wrong, at worst, in a sentence.

    Only statements have errors from seeds; what is exact is known to rounding.
    """
    stated = sum(
        one.claim.kind == "statement" and one.verdict not in (Verdict.OPEN, Verdict.MEASURED)
        for one in judgements
    )
    if not stated:
        return "Chance makes none of these verdicts wrong: no statement was decided by seeds."
    return (
        f"A verdict at the edge of its tolerance is wrong by chance once in {round(1 / CHANCE)} "
        f"runs: of {counted(stated, 'statement')} decided here at most {stated * CHANCE:.2g} "
        "are expected to be."
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what moved between two reports, a line for each claim, from their ``report.json``.

    A claim has moved where its verdict is another, where its number differs by more than three
    times both standard errors together, or where it was judged in one report only.

    Examples
    --------
    >>> claim = {"id": "a.end", "verdict": "seen", "measured": 4.0, "error": 0.1}
    >>> other = claim | {"verdict": "open", "measured": 4.2}
    >>> changes({"claims": [claim]}, {"claims": [other]})
    ['a.end: seen, now open; 4 +- 0.1, now 4.2 +- 0.1']
    """
    old, new = ({one["id"]: one for one in found["claims"]} for found in (before, after))
    lines = [f"{one}: judged before only" for one in old if one not in new]
    lines += [f"{one}: judged now only" for one in new if one not in old]
    both = ((old[one], new[one]) for one in new if one in old)
    return lines + [_moved(*pair) for pair in both if _differ(*pair)]


def _differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    values = old["measured"], new["measured"]
    if old["verdict"] != new["verdict"] or None in values:
        return old["verdict"] != new["verdict"] or values[0] is not values[1]
    unsure = 3 * math.hypot(old["error"] or 0.0, new["error"] or 0.0)
    return abs(values[1] - values[0]) > unsure and _with_error(old) != _with_error(new)


def _moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    pairs = (old["verdict"], new["verdict"]), (_with_error(old), _with_error(new))
    return f"{new['id']}: " + "; ".join(f"{a}, now {b}" for a, b in pairs if a != b)


def _with_error(claim: Mapping[str, Any]) -> str:
    if claim["measured"] is None:
        return "no number"
    error = f" +- {claim['error']:.2g}" if claim["error"] else ""
    return f"{claim['measured']:.6g}{error}"


def summary(judgements: Sequence[Judgement]) -> str:
    """Return one line that counts the verdicts.

    Examples
    --------
    >>> summary([])
    '0 claims'
    """
    counts = count_of(list(judgements))
    return counted(len(judgements), "claim") + (f": {counts}" if counts else "")


SECTIONS: dict[str, Callable[[Claim], bool]] = {
    "theorems": lambda claim: claim.kind == "theorem" and claim.says.role != "instrument",
    "statements, in the papers' own settings": lambda claim: (
        claim.kind == "statement" and claim.setting == "own"
    ),
    "statements, in reduced settings": lambda claim: (
        claim.kind == "statement" and claim.setting == "reduced"
    ),
    "findings: measured, not predicted": lambda claim: claim.kind == "finding",
    "instruments checked": lambda claim: claim.says.role == "instrument",
}


def markdown(judgements: Sequence[Judgement], bench: Bench, figure: str | None) -> str:
    """Return the report as a Markdown page, with a link to its figure."""
    effort = bench.effort
    protocol = (
        f"Effort {effort.name}, seed {bench.seed}, data: {bench.source}. "
        f"Phases on data: {effort.samples} samples, {effort.members} seeds, full-batch gradient "
        f"descent; minibatch training: {effort.trained} seeds. Inputs: "
        f"{IN_WORDS[bench.inputs]}, unless a claim says otherwise. "
        "c = eta lambda_0 is the learning rate in units of the inverse top kernel eigenvalue at "
        "the start of each seed. Loss (1/2m) sum |f - y|^2, kernel (1/m) J J^T, NTK "
        "parametrisation. 3.998(4) means 3.998 +- 0.004, one standard error over seeds. "
        f"{by_chance(judgements)}"
    )
    parts = [
        "# Verification report",
        protocol,
        *([f"![phase diagram]({figure})"] if figure else []),
        *(_section(*one, judgements) for one in SECTIONS.items()),
        summary(judgements) + ".",
        "## Where claims are from",
        "\n".join(f"- `{one.claim.id}`: {_provenance(one)}" for one in judgements),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, belongs: Callable[[Claim], bool], judgements: Sequence[Judgement]) -> str:
    chosen = [one for one in judgements if belongs(one.claim)]
    if not chosen:
        return ""
    return f"## {title[0].upper()}{title[1:]}\n\n{table(chosen, 'pipe', text_width=10**6)}"


def _provenance(judgement: Judgement) -> str:
    """Return who says it, what is reduced, where the tolerance is from, why it is open."""
    claim = judgement.claim
    parts = [f"{claim.says} ({claim.kind})"]
    parts += [f"reduced: {claim.reduced}"] if claim.reduced else []
    parts += [f"tolerance: {claim.because}"] if claim.because else []
    parts += [f"open: {judgement.reason}"] if judgement.reason else []
    return "; ".join(parts)


def as_dict(
    judgements: Sequence[Judgement], boundaries: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """Return the report as plain data for JSON; what is not finite becomes None."""
    claims = [
        {
            "id": judgement.claim.id,
            "text": judgement.claim.text,
            "says": judgement.claim.says.name,
            "role": judgement.claim.says.role,
            "source": str(judgement.claim.says),
            "arxiv": judgement.claim.says.arxiv,
            "kind": judgement.claim.kind,
            "setting": judgement.claim.setting,
            "reduced": judgement.claim.reduced,
            "relation": judgement.claim.relation,
            "predicted": _number(judgement.predicted),
            "measured": _number(judgement.measured.value),
            "error": _number(judgement.measured.error),
            "n": judgement.measured.n,
            "at_least": judgement.measured.at_least,
            "at_most": judgement.measured.at_most,
            "seeds": [_number(value) for value in judgement.measured.seeds],
            "tolerance": judgement.claim.tolerance,
            "because": judgement.claim.because,
            "verdict": judgement.verdict.value,
            "reason": judgement.reason,
            "seconds": round(judgement.seconds, 3),
        }
        for judgement in judgements
    ]
    return {"claims": claims, "boundaries": _in_order(boundaries)}


def _in_order(boundaries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each boundary once, sorted by model, kind and width; unknown models come last."""
    models = [ONE_SAMPLE, LINEAR, *(one.name for one in ARCHITECTURES)]

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        model = row["model"]
        order = models.index(model) if model in models else len(models)
        return order, model, row["boundary"], row["width"]

    found = {place(row): row for row in boundaries}
    return [found[key] for key in sorted(found)]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
