"""Claims as the cells of a sweep: judge them in any worker, record, read back.

A cell has the claim's id, the arguments of its bench, and a hash of the package's code, so that
records of other code are not used. Claims of one topic share measurements; a worker judges them on
one bench, one after another.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import catapult_sim
from catapult_sim.claims import CLAIMS
from catapult_sim.claims.claim import Claim
from catapult_sim.claims.verdict import Judgement, judge
from catapult_sim.experiments.bench import Bench
from catapult_sim.experiments.phase_cells import READING, data_entries, finite, without_path
from catapult_sim.numeric.runs.boundary import Boundary
from catapult_sim.numeric.runs.measured import Measured
from catapult_sim.sweeps.cell import Cell, cell
from catapult_sim.validation import InputError

BENCH = ("seed", "effort", "data", "digest", *READING)
"""The entries of a cell that its bench is made of."""
DIGIT, UNITS = 64, 256  # pixels; units of a layer, about


def cells_of(chosen: Sequence[Claim], base: Cell) -> list[Cell]:
    """Return the cells of claims by topic, the longest first; ``base`` has the bench's arguments.

    A topic is what a worker judges: begun last, the longest would be waited for.
    """
    costs = _costs(chosen)
    ordered = sorted(chosen, key=lambda claim: (-costs[claim.topic], claim.topic))
    return [base | {"code": _code(), "claim": claim.id} for claim in ordered]


def seconds_of(chosen: Sequence[Claim], bench: Bench, workers: int) -> float:
    """Return about how long workers take to judge claims, from the claims' costs on digits."""
    costs = _costs(chosen)
    longest = max(costs.values(), default=0.0)
    # Most of it networks take, whose first layer multiplies inputs, and the next ones units.
    larger = max(1.0, (bench.input_size + UNITS) / (DIGIT + UNITS))
    return bench.effort.slowness * larger * max(longest, sum(costs.values()) / workers)


def _costs(chosen: Sequence[Claim]) -> dict[str, float]:
    """Return the processor seconds of every topic."""
    costs: defaultdict[str, float] = defaultdict(float)
    for claim in chosen:
        costs[claim.topic] += claim.cost
    return costs


@cache
def _code() -> str:
    """Return a hash of this package's source code."""
    root = Path(catapult_sim.__file__).parent
    hashed = hashlib.blake2b(digest_size=16)
    for path in sorted(root.rglob("*.py")):
        hashed.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return hashed.hexdigest()


@lru_cache(maxsize=1)
def bench_of(entries: tuple[tuple[str, Any], ...]) -> Bench:
    """Return the bench of cells with these entries, one object for all cells of this process."""
    given = dict(entries)
    data, digest = given.pop("data"), given.pop("digest", None)
    if data_entries(data).get("digest") != digest:
        raise InputError(f"data must be what they were when judging began; {data} has changed")
    return Bench(data=None if data == "digits" else data, **given)


def bench_of_cell(cell: Cell) -> Bench:
    """Return the bench of a cell."""
    return bench_of(_bench_entries(cell))


def _bench_entries(cell: Cell) -> tuple[tuple[str, Any], ...]:
    return tuple((name, cell[name]) for name in BENCH if name in cell)


def _claim_of(cell: Cell) -> Claim:
    return next(claim for claim in CLAIMS if claim.id == cell["claim"])


def _topic(cell: Cell) -> Hashable:
    return _claim_of(cell).topic, _bench_entries(cell)


def _judge_batch(cells: list[Cell]) -> list[Cell]:
    return [judgement_of(cell) for cell in cells]


@cell(
    version=1, identity=without_path, batch_key=_topic, batched=_judge_batch, batch_size=len(CLAIMS)
)
def judgement_of(cell: Cell) -> Cell:
    """Judge a claim; return its numbers, and the boundaries that were measured for it.

    Examples
    --------
    >>> bench = {"seed": 0, "effort": "quick", "data": "digits"}
    >>> found = judgement_of(bench | {"claim": "catapult.theorem.lazy-1.5"})
    >>> found["predicted"], found["boundaries"]
    (0.0, [])
    """
    claim = _claim_of(cell)
    bench = bench_of_cell(cell).for_one_claim()
    judged = judge(claim, bench)
    measured = judged.measured
    return {
        "predicted": _as_json(judged.predicted),
        "measured": _as_json(measured.value),
        "error": _as_json(measured.error),
        "systematic": _as_json(measured.systematic),
        "n": int(measured.n),
        "at_least": bool(measured.at_least),
        "at_most": bool(measured.at_most),
        "seeds": [_as_json(value) for value in measured.seeds],
        "seconds": round(judged.seconds, 3),
        "boundaries": _boundaries(bench),
    }


def recorded_judgement(claim: Claim, found: Cell) -> Judgement:
    """Return the judgement of a claim from the record of :func:`judgement_of`."""
    bounds = {name: found[name] for name in ("at_least", "at_most")}
    seeds = tuple(map(float, found["seeds"]))
    numbers = float(found["measured"]), float(found["error"]), found["n"]
    measured = Measured(*numbers, **bounds, seeds=seeds, systematic=float(found["systematic"]))
    return Judgement.of(claim, float(found["predicted"]), measured, found["seconds"])


def _as_json(value: float) -> float | str:
    """Return a number for JSON, as text where it is NaN or infinite."""
    return float(value) if math.isfinite(value) else str(float(value))


def _boundaries(bench: Bench) -> list[dict[str, Any]]:
    """Return the boundaries of a bench, with a bracket ``[lower, upper]`` per seed."""
    return [
        {"model": model, "boundary": kind, "width": int(width), "brackets": brackets}
        for (model, kind, widths), found in bench.boundaries.items()
        for width, brackets in zip(widths, _brackets(found, len(widths)), strict=True)
    ]


def _brackets(found: Boundary, widths: int) -> list[list[Any]]:
    """Return the brackets of the seeds of each width, None for an upper end that is open."""
    pairs = [list(ends) for ends in zip(found.lower.tolist(), finite(found.upper), strict=True)]
    seeds = len(pairs) // widths
    return [pairs[first : first + seeds] for first in range(0, len(pairs), seeds)]
