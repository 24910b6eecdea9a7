"""``catapult-sim verify``: judge the claims of the papers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from catapult_sim.commands.options import Help, add_data, add_execution, data_entries
from catapult_sim.commands.sweeping import RECORD, as_json, opened
from catapult_sim.commands.titles import verification_title
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import identify, physics_of
from catapult_sim.sweeps.record import Line, read_record, settled
from catapult_sim.validation import InputError

if TYPE_CHECKING:
    from catapult_sim.claims.claim import Claim
    from catapult_sim.claims.verdict import Judgement

FIGURE = "phase_diagram.png"


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "verify",
        help="judge the claims of the papers",
        description="Judge the claims of the papers: predicted, measured, error bar, verdict. "
        "The exit status is 1 if a claim is refuted (see --must), or if judging one failed.",
        formatter_class=Help,
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--list", action="store_true", help="list the claims with their ids, without judging")
    add(
        "--claims",
        nargs="+",
        default=["all"],
        metavar="ID",
        help="ids as in --list, or a prefix that ends before a dot",
    )
    add(
        "--must",
        choices=("theorem", "statement", "conjecture"),
        help="the kind of claim whose refutation gives exit status 1 (default: every kind)",
    )
    times = " or ".join(f"{name} (about {one.minutes:g} minutes)" for name, one in EFFORTS.items())
    add("--effort", default="quick", help=times)
    add("--seed", type=int, default=0, help="random seed of all numbers drawn")
    add_data(parser, inputs="pixel")
    add_execution(parser, "verification", workers=None)


def run(options: argparse.Namespace) -> int:
    """Judge claims, write and print the report, and return the exit status."""
    from catapult_sim import claims, report
    from catapult_sim.claims import cells as claim_cells

    chosen = list(claims.CLAIMS) if "all" in options.claims else claims.select(options.claims)
    if options.list:
        print(tabulate([(claim.id, claim.text) for claim in chosen], tablefmt="plain"))
        return 0
    entries = data_entries(options)
    claim_cells.bench_of.cache_clear()  # no run uses measurements of an earlier one
    # Cached before threads start, so that all of them share it.
    base = {"effort": options.effort, "seed": options.seed, **entries}
    bench = claim_cells.bench_of_cell(base)
    print(_plan(chosen, bench), file=sys.stderr)
    cells = claim_cells.cells_of(chosen, base)
    with opened(options, base) as tally:
        # Threads share the bench without grouping claims: each is recorded when it is judged.
        alone = 1 if options.workers is None and options.scheduler is None else None
        lines = tally.sweep(claim_cells.judgement_of, cells, group=alone)
    physics = physics_of(claim_cells.judgement_of)
    here = {cell["claim"]: lines[identify(cell, physics).key] for cell in cells}
    judged = [claim for claim in chosen if here[claim.id].error is None]
    judgements = [claim_cells.recorded_judgement(claim, here[claim.id].result) for claim in judged]
    text = _write(judgements, here, bench, options)
    print(tally, file=sys.stderr)
    for claim, line in here.items():
        if line.error is not None:
            print(f"{claim}: {line.error.strip().splitlines()[-1]}", file=sys.stderr)
    print(text if options.json else report.table(judgements))
    if not options.json:
        print(f"\n{report.summary(judgements)}\nreport and figure: {options.out}{os.sep}")
    return int(len(judgements) < len(chosen) or _refuted(judgements, options.must))


def _refuted(judgements: Sequence[Judgement], must: str | None) -> bool:
    """Return whether a claim of the given kind, or of any kind, is refuted."""
    from catapult_sim.claims.verdict import Verdict

    kinds = {
        judgement.claim.kind for judgement in judgements if judgement.verdict is Verdict.REFUTED
    }
    return must in kinds if must else bool(kinds)


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Return the figure of a folder, finished or not, and its file name."""
    from catapult_sim import plots, report

    lines = settled(read_record(folder / RECORD))
    found = report.as_dict([], _boundaries(lines))["boundaries"]
    if not found:
        raise InputError(f"{folder} must hold at least one boundary; its record has none")
    options = config["options"]
    words = verification_title(EFFORTS[options["effort"]], options["seed"], options["data"])
    return plots.phase_diagram(found, words), FIGURE


def _boundaries(lines: dict[str, Line]) -> list[dict[str, Any]]:
    return [
        row for line in lines.values() if line.error is None for row in line.result["boundaries"]
    ]


def _write(
    judgements: Sequence[Judgement],
    lines: dict[str, Line],
    bench: Bench,
    options: argparse.Namespace,
) -> str:
    """Write report and figure; return the text of report.json."""
    from catapult_sim import plots, report

    found = report.as_dict(judgements, _boundaries(lines))
    files = {
        "report.md": report.markdown(judgements, bench, FIGURE if found["boundaries"] else None),
        "report.json": as_json(found),
    }
    for name, text in files.items():
        write_whole(options.out / name, text.encode(errors="backslashreplace"))
    if found["boundaries"]:
        words = verification_title(bench.effort, bench.seed, options.data)
        plots.save(plots.phase_diagram(found["boundaries"], words), options.out / FIGURE)
    return files["report.json"]


def _plan(chosen: Sequence[Claim], bench: Bench) -> str:
    """Return what is about to be judged, in one sentence."""
    effort = bench.effort
    widths = sorted(width for hidden in effort.hidden.values() for width in hidden)
    return (
        f"Judging {counted(len(chosen), 'claim')}, effort {effort.name}, seed {bench.seed}: exact "
        f"models of width 1e2 to 1e12 from {effort.starts} starts; networks of {widths[0]} to "
        f"{widths[-1]} hidden units, {effort.members} seeds, on {effort.samples} samples of "
        f"{bench.source}; minibatch training with {effort.trained} seeds. All claims take about "
        f"{effort.minutes:g} minutes on two cores."
    )
