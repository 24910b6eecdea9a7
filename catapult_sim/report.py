"""The report of judgements: lines per paper, a table, a Markdown page, and plain data for JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import ARCHITECTURES, LINEAR
from catapult_sim.experiments.one_sample import ONE_SAMPLE
from catapult_sim.printing import counted

HEADERS = ("claim", "predicted", "measured", "tolerance", "verdict")


def table(judgements: Sequence[Judgement], style: str = "simple", text_width: int = 60) -> str:
    """Return the verdicts as a table; ``style`` is a table format of tabulate."""
    rows = [
        (
            judgement.claim.text,
            predicted_text(judgement),
            str(judgement.measured),
            "-" if judgement.claim.predict is None else f"{judgement.claim.tolerance:g}",
            judgement.verdict.value,
        )
        for judgement in judgements
    ]
    # tabulate 0.9 fails on widths of columns without rows.
    widths = [text_width, None, None, None, None] if rows else None
    return tabulate(rows, HEADERS, style, disable_numparse=True, maxcolwidths=widths)


def words(judgements: Sequence[Judgement], *, rows: bool = False) -> str:
    """Return what a verification prints: lines per paper, what differs, what may be chance.

    With ``rows`` a table of all claims comes first.
    """
    fails = [one for one in judgements if one.verdict is Verdict.FAILS]
    broken = f"What must hold fails: {', '.join(one.claim.id for one in fails)}"
    must = broken if fails else "Everything that must hold holds"
    parts = [
        *([table(judgements)] if rows else []),
        brief(judgements),
        "\n".join(different(judgements)),
        f"{summary(judgements)}. {by_chance(judgements)}",
        f"{must}.",
    ]
    return "\n\n".join(part for part in parts if part)


def by_source(judgements: Iterable[Judgement]) -> dict[str, list[Judgement]]:
    """Return judgements by the name of who says it: the four papers, those that follow, ours."""
    found: dict[str, list[Judgement]] = {}
    for judgement in sorted(judgements, key=lambda one: ROLES.index(one.claim.says.role)):
        found.setdefault(judgement.claim.says.name, []).append(judgement)
    return found


def brief(judgements: Sequence[Judgement]) -> str:
    """Return a line for each paper: its counts, and its most telling number in words."""
    sources = by_source(judgements)
    name_width = max(map(len, sources), default=0)
    counts = {name: count_of(found) for name, found in sources.items()}
    count_width = max(map(len, counts.values()), default=0)
    lines = [
        f"{name:{name_width}}  {counts[name]:{count_width}}  {telling(found)}".rstrip()
        for name, found in sources.items()
    ]
    return "\n".join(lines)


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
    return (
        f"A verdict at the edge of its tolerance is wrong by chance once in {round(1 / CHANCE)} "
        f"runs: of {counted(stated, 'statement')} decided here at most {stated * CHANCE:.1f} "
        "are expected to be."
    )


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
        f"descent; minibatch training: {effort.trained} seeds. Inputs are scaled by one mean and "
        "one variance unless a claim says otherwise. "
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
