"""The report of judgements as a table, a Markdown page and JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from catapult_sim.claims.verdict import Judgement, Verdict
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.networks import ARCHITECTURES, LINEAR
from catapult_sim.experiments.one_sample import ONE_SAMPLE
from catapult_sim.printing import counted

HEADERS = ("claim", "predicted", "measured", "tolerance", "verdict")
SIGNS = {"=": "", "<=": "<= "}


def table(judgements: Sequence[Judgement], style: str = "simple", text_width: int = 60) -> str:
    """Return the verdicts as a table; ``style`` is a table format of tabulate."""
    rows = [
        (
            judgement.claim.text,
            f"{SIGNS[judgement.claim.relation]}{judgement.predicted:.6g}",
            str(judgement.measured),
            f"{judgement.claim.tolerance:g}",
            judgement.verdict.name,
        )
        for judgement in judgements
    ]
    # tabulate 0.9 fails on widths of columns without rows.
    widths = [text_width, None, None, None, None] if rows else None
    return tabulate(rows, HEADERS, style, disable_numparse=True, maxcolwidths=widths)


def summary(judgements: Sequence[Judgement]) -> str:
    """Return one line that counts the verdicts.

    Examples
    --------
    >>> summary([])
    '0 claims: 0 confirmed, 0 refuted, 0 inconclusive'
    """
    counts = Counter(judgement.verdict for judgement in judgements)
    words = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
    return f"{counted(len(judgements), 'claim')}: {words}"


def markdown(judgements: Sequence[Judgement], bench: Bench, figure: str | None) -> str:
    """Return the report as a Markdown page, with a link to its figure."""
    effort = bench.effort
    protocol = (
        f"Effort {effort.name}, seed {bench.seed}, data: {bench.source}. "
        f"Phases on data: {effort.samples} samples, {effort.members} seeds, full-batch gradient "
        f"descent; minibatch training: {effort.trained} seeds. "
        "c = eta lambda_0 is the learning rate in units of the inverse top kernel eigenvalue at "
        "the start of each seed. Loss (1/2m) sum |f - y|^2, kernel (1/m) J J^T, NTK "
        "parametrisation. 3.998(4) means 3.998 +- 0.004, one standard error."
    )
    claims = [judgement.claim for judgement in judgements]
    sources = [f"- `{claim.id}` ({claim.kind}): {claim.source}" for claim in claims]
    parts = [
        "# Verification report",
        protocol,
        *([f"![phase diagram]({figure})"] if figure else []),
        table(judgements, "pipe", text_width=10**6),
        summary(judgements) + ".",
        "## Sources",
        "\n".join(sources),
    ]
    return "\n\n".join(parts) + "\n"


def as_dict(
    judgements: Sequence[Judgement], boundaries: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    """Return the report as plain data for JSON; what is not finite becomes None."""
    claims = [
        {
            "id": judgement.claim.id,
            "text": judgement.claim.text,
            "source": judgement.claim.source,
            "kind": judgement.claim.kind,
            "relation": judgement.claim.relation,
            "predicted": _number(judgement.predicted),
            "measured": _number(judgement.measured.value),
            "error": _number(judgement.measured.error),
            "n": judgement.measured.n,
            "at_least": judgement.measured.at_least,
            "at_most": judgement.measured.at_most,
            "tolerance": judgement.claim.tolerance,
            "verdict": judgement.verdict.value,
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
