"""``catapult-sim verify``: judge the claims of the papers."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catapult_sim.commands.files import as_json, config, draw, folder, write

if TYPE_CHECKING:
    from catapult_sim.claims.bench import Bench
    from catapult_sim.claims.verdict import Judgement

__all__ = ["add", "run"]

FIGURE = "phase_diagram.png"
PROGRESS = "{percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} left"


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "verify",
        help="judge the claims of the papers",
        description="Judge the claims of the papers: predicted, measured, error bar, verdict. "
        "The exit status is 1 if a claim is refuted.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    add("--claims", nargs="+", default=["all"], metavar="ID", help="ids or beginnings of ids")
    add("--effort", default="quick", help="quick (about 2 minutes) or full (about 20)")
    add("--seed", type=int, default=0, help="names every random draw")
    add(
        "--data", metavar="FILE", help=".npz with X and y, or .csv with the label last; else digits"
    )
    add("--out", type=Path, default=Path("verification"), metavar="DIR", help="where files go")
    add("--json", action="store_true", help="print report.json instead of the table")


def run(options: argparse.Namespace) -> int:
    """Judge, write, print; 1 if a claim is refuted."""
    from tqdm import tqdm

    from catapult_sim import claims, report
    from catapult_sim.claims.bench import Bench
    from catapult_sim.claims.verdict import Verdict, judge_all

    chosen = list(claims.CLAIMS) if options.claims == ["all"] else claims.select(options.claims)
    bench = Bench(options.seed, options.effort, options.data)
    out = folder(options.out)
    print(_plan(chosen, bench), file=sys.stderr)
    finished: list[Judgement] = []
    with tqdm(total=sum(one.cost for one in chosen), disable=None, bar_format=PROGRESS) as bar:

        def on_judged(judged: Judgement) -> None:
            finished.append(judged)
            bar.update(judged.claim.cost)

        try:
            judgements = judge_all(chosen, bench, on_judged)
        except KeyboardInterrupt:
            if finished:
                _write(sorted(finished, key=lambda one: chosen.index(one.claim)), bench, options)
                options.kept = f"{len(finished)} of {len(chosen)} claims are in the report in {out}"
            raise

    text = _write(judgements, bench, options)
    print(text if options.json else report.table(judgements))
    if not options.json:
        print(f"\n{report.summary(judgements)}\nreport and figure: {out}{os.sep}")
    return int(any(judgement.verdict is Verdict.REFUTED for judgement in judgements))


def _write(judgements: Sequence[Judgement], bench: Bench, options: argparse.Namespace) -> str:
    """Write report, configuration and figure; return the text of report.json."""
    from catapult_sim import plots, report

    found = report.as_dict(judgements, bench)
    files = {
        "config.json": as_json(config(options)),
        "report.md": report.markdown(judgements, bench, FIGURE if found["boundaries"] else None),
        "report.json": as_json(found),
    }
    for name, text in files.items():
        write(options.out / name, text.encode())
    if found["boundaries"]:
        draw(plots.phase_diagram(found["boundaries"]), options.out / FIGURE)
    return files["report.json"]


def _plan(chosen: Sequence[Any], bench: Any) -> str:
    """Say what is about to be done."""
    effort = bench.effort
    widths = sorted(width for hidden in effort.hidden.values() for width in hidden)
    return (
        f"Judging {len(chosen)} claims, effort {effort.name}, seed {bench.seed}: exact models of "
        f"width 1e2 to 1e12 from {effort.starts} starts; networks of {widths[0]} to {widths[-1]} "
        f"hidden units, {effort.members} seeds, on {effort.samples} samples of {bench.source}; "
        f"minibatch training with {effort.trained} seeds. All claims take about "
        f"{effort.minutes:g} minutes on two cores."
    )
