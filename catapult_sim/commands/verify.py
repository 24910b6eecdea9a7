"""``catapult-sim verify``: judge the claims of the papers."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from catapult_sim import __version__, plots
from catapult_sim.commands.options import Help, add_data, add_execution, data_entries
from catapult_sim.commands.sweeping import as_json, opened, recorded
from catapult_sim.commands.titles import verification_title
from catapult_sim.experiments.bench import EFFORTS, Bench, in_minutes
from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import identify, physics_of
from catapult_sim.sweeps.record import Line
from catapult_sim.validation import InputError

if TYPE_CHECKING:
    from catapult_sim.claims.claim import Claim
    from catapult_sim.claims.verdict import Judgement

FIGURE, PAGE = "phase_diagram.png", "report.html"
WORTH_PROCESSES = 10.0  # seconds that starting worker processes is worth


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "verify",
        help="judge the claims of the papers",
        description="Judge what the papers say: predicted, measured, error bar, verdict. By "
        "default every theorem, and every statement of the four papers; follow-up papers and "
        "findings with --effort full, or by name. The exit status is 0 if all theorems hold and "
        "all claims asked for were judged; see --strict.",
        formatter_class=Help,
    )
    parser.set_defaults(run=run)
    add = parser.add_argument
    words = "list the claims without judging: id, paper, kind, text"
    add("--list", action="store_true", help=words)
    add(
        "--claims",
        nargs="+",
        metavar="ID",
        help="ids as in --list, a prefix that ends before a dot, a paper such as Smith2021, or "
        "all; prints their rows",
    )
    add("--all", action="store_true", help="print a row for every claim that was judged")
    add(
        "--strict",
        action="store_true",
        help="exit status 1 also where a statement is refuted or not seen",
    )
    words = "folder of an earlier report; print what moved since"
    add("--compare", type=Path, metavar="DIR", help=words)
    times = " or ".join(f"{name} ({one.time} on two cores)" for name, one in EFFORTS.items())
    add("--effort", default="quick", help=times)
    add("--seed", type=int, default=0, help="random seed of all numbers drawn")
    add_data(parser)
    add_execution(parser, "verification", workers=None)


def run(options: argparse.Namespace) -> int:
    """Judge claims, write and print the report, and return the exit status."""
    from catapult_sim import claims
    from catapult_sim.claims import cells as claim_cells

    chosen = _chosen(options)
    if options.list:
        asked = chosen if options.claims else claims.CLAIMS
        rows = [(one.id, claims.paper_of(one), one.kind, one.text) for one in asked]
        print(tabulate(rows, tablefmt="plain"))
        return 0
    before = None if options.compare is None else _earlier(options.compare, chosen)
    entries = data_entries(options)
    claim_cells.bench_of.cache_clear()  # no run uses measurements of an earlier one
    base = {"effort": options.effort, "seed": options.seed, **entries}
    bench = claim_cells.bench_of_cell(base)
    cores = os.cpu_count() or 1
    seconds = claim_cells.seconds_of(chosen, bench, options.workers or cores)
    if options.workers is None:
        options.workers = cores if seconds > WORTH_PROCESSES else 1
    print(_plan(chosen, bench, seconds), file=sys.stderr)
    cells = claim_cells.cells_of(chosen, base)
    with opened(options, base) as tally:
        lines = tally.sweep(claim_cells.judgement_of, cells)
    physics = physics_of(claim_cells.judgement_of)
    here = {cell["claim"]: lines[identify(cell, physics).key] for cell in cells}
    print(tally, file=sys.stderr)
    return _report(chosen, here, bench, options, before)


def _chosen(options: argparse.Namespace) -> list[Claim]:
    """Return the claims that are asked for."""
    from catapult_sim import claims

    if options.claims:
        return list(claims.CLAIMS) if "all" in options.claims else claims.select(options.claims)
    return claims.usual(options.effort)


def _report(
    chosen: Sequence[Claim],
    lines: dict[str, Line],
    bench: Bench,
    options: argparse.Namespace,
    before: dict[str, Any] | None,
) -> int:
    """Write and print the report of what was judged; return the exit status."""
    from catapult_sim import report
    from catapult_sim.claims import cells as claim_cells
    from catapult_sim.claims.verdict import BAD, Verdict

    judgements = [
        claim_cells.recorded_judgement(claim.judged_on(bench), lines[claim.id].result)
        for claim in chosen
        if lines[claim.id].error is None
    ]
    text = _write(judgements, lines, bench, options)
    for claim, line in lines.items():
        if line.error is not None:
            print(f"{claim}: {line.error.strip().splitlines()[-1]}", file=sys.stderr)
    if options.json:
        print(text)
    else:
        rows = options.all or bool(options.claims)
        print(report.words(judgements, rows=rows))
        if before is not None:
            moved = report.changes(before, json.loads(text))
            print(f"since {options.compare}: " + ("\n".join(moved) or "nothing moved"))
        print(f"report: {options.out / PAGE}")
    wrong = BAD if options.strict else {Verdict.FAILS}
    missing = len(judgements) < len(chosen)
    return int(missing or any(one.verdict in wrong for one in judgements))


def _earlier(folder: Path, chosen: Sequence[Claim]) -> dict[str, Any]:
    """Return what the report in a folder says of claims, or raise InputError."""
    needed = {"id", "verdict", "measured", "error"}
    try:
        found: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
        whole = all(needed <= one.keys() for one in found["claims"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise InputError(f"--compare must be a folder with a report.json of verify; got {folder}")
    asked = {claim.id for claim in chosen}
    return {"claims": [one for one in found["claims"] if one["id"] in asked]}


def figure(config: dict[str, Any], folder: Path) -> tuple[Any, str]:
    """Return the figure of a folder, finished or not, and its file name."""
    from catapult_sim import report

    found = report.as_dict([], _boundaries(recorded(folder)))["boundaries"]
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
    from catapult_sim import report
    from catapult_sim.claims.illustrations import equations_of
    from catapult_sim.report_page import page

    found = report.as_dict(judgements, _boundaries(lines))
    picture = None
    if found["boundaries"]:
        words = verification_title(bench.effort, bench.seed, options.data)
        plots.save(plots.phase_diagram(found["boundaries"], words), options.out / FIGURE)
        picture = (options.out / FIGURE).read_bytes()
    about = {
        "version": __version__,
        "effort": bench.effort.name,
        "seed": bench.seed,
        "data": bench.source,
        "command": f"catapult-sim verify {_again(options)}--claims",
    }
    equations = equations_of(one.claim.id for one in judgements)
    files = {
        PAGE: page(found, about, equations=equations, figure=picture),
        "report.md": report.markdown(judgements, bench, FIGURE if picture else None),
        "report.json": as_json(found),
    }
    for name, text in files.items():
        write_whole(options.out / name, text.encode(errors="backslashreplace"))
    return files["report.json"]


def _again(options: argparse.Namespace) -> str:
    """Return the options that a repetition needs, each followed by a space."""
    usual = {"effort": "quick", "seed": 0, "data": None}
    usual |= dict.fromkeys(("labels", "label_column", "drop", "inputs"))
    given = {name: getattr(options, name) for name in usual}
    asked = {name.replace("_", "-"): one for name, one in given.items() if one != usual[name]}
    return "".join(f"--{name} {shlex.quote(str(one))} " for name, one in asked.items())


def _plan(chosen: Sequence[Claim], bench: Bench, seconds: float) -> str:
    """Return what is about to be judged, and how long it takes, in one sentence."""
    from catapult_sim.claims.claim import KINDS

    kinds = Counter(claim.kind for claim in chosen)
    what = ", ".join(counted(kinds[kind], kind) for kind in KINDS if kinds[kind])
    return (
        f"Judging {what}: effort {bench.effort.name}, seed {bench.seed}, on {bench.source}. "
        f"This takes {in_minutes(seconds)}."
    )
