"""The command line: parse, call, print."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from catapult_sim import __version__
from catapult_sim.numeric.requirements import InputError

__all__ = ["main"]

WRONG_CALL = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``catapult-sim`` and return its exit status.

    0 if all went well, 1 if a claim was refuted, 2 if the call was wrong, 130 if it was
    interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except InputError as refusal:
        print(f"catapult-sim {options.command}: {refusal}", file=sys.stderr)
        return WRONG_CALL
    except KeyboardInterrupt:
        print("\ncatapult-sim: interrupted, nothing was written", file=sys.stderr, flush=True)
        # Claims in other threads cannot be stopped, and would be waited for.
        os._exit(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="catapult-sim",
        description="Solvable models of deep-learning dynamics: derived, integrated, judged.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    verify = commands.add_parser(
        "verify",
        help="judge the claims of the papers",
        description="Judge the claims of the papers: predicted, measured, error bar, verdict. "
        "The exit status is 1 if a claim is refuted.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    verify.set_defaults(run=_verify)
    add = verify.add_argument
    add("--claims", nargs="+", default=["all"], metavar="ID", help="ids or beginnings of ids")
    add("--effort", default="quick", help="quick (about 2 minutes) or full (about 20)")
    add("--seed", type=int, default=0, help="names every random draw")
    add(
        "--data", metavar="FILE", help=".npz with X and y, or .csv with the label last; else digits"
    )
    add("--out", type=Path, default=Path("verification"), metavar="DIR", help="where files go")
    add("--json", action="store_true", help="print report.json instead of the table")
    derive = commands.add_parser(
        "derive",
        help="print an equation",
        description="Derive an equation and print it. Names: catapult-sim derive --list.",
    )
    derive.set_defaults(run=_derive)
    add = derive.add_argument
    add("name", nargs="?", help="what to derive")
    add("--list", action="store_true", help="list what can be derived, and by which options")
    add("--format", default="text", help="text (default), latex, mathml, python or javascript")
    for size, meaning in SIZES.items():
        add(f"--{size}", type=int, metavar="N", help=meaning)
    add("--order", type=int, metavar="P", help="highest power of the step size")
    add("--sampling", help="full, shuffled, reversed_pair or replacement")
    add("--batches", metavar="M", help="number of minibatches, a number or a name")
    add("--momentum", metavar="BETA", help="heavy ball, a number or a name")
    add("--nesterov", action="store_const", const=True, help="the gradient is taken ahead")
    add("--loss", action="append", metavar="TEXT", help="a minibatch's loss; give one or several")
    return parser


SIZES = {
    "samples": "number of samples",
    "inputs": "number of inputs",
    "outputs": "number of outputs",
}


def _derive(options: argparse.Namespace) -> int:
    from catapult_sim import derive

    if options.list:
        print(tabulate(derive.listing(), tablefmt="plain"))
        return 0
    if options.name is None:
        raise InputError("a name is required; catapult-sim derive --list has them; got none")
    if options.format not in derive.FORMATS:
        known = ", ".join(derive.FORMATS)
        raise InputError(f"--format must be one of {known}; got {options.format!r}")
    asked = (*SIZES, "order", "sampling", "batches", "momentum", "nesterov", "loss")
    given = {name: getattr(options, name) for name in asked}
    print(derive.derive(options.name, options.format, **given))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from catapult_sim import claims, plots, report
    from catapult_sim.claims.bench import Bench
    from catapult_sim.claims.verdict import Verdict, judge_all

    chosen = list(claims.CLAIMS) if options.claims == ["all"] else claims.select(options.claims)
    bench = Bench(options.seed, options.effort, options.data)
    out = _folder(options.out)
    print(_plan(chosen, bench), file=sys.stderr)
    total = sum(claim.cost for claim in chosen)
    with tqdm(total=total, disable=None, bar_format=PROGRESS) as bar:
        judgements = judge_all(chosen, bench, lambda judged: bar.update(judged.claim.cost))

    found = report.as_dict(judgements, bench)
    files = {
        "config.json": _json(_config(options)),
        "report.json": _json(found),
        "report.md": report.markdown(judgements, bench, FIGURE if found["boundaries"] else None),
    }
    for name, text in files.items():
        _write(out / name, text.encode())
    if found["boundaries"]:
        _draw(plots.phase_diagram(found["boundaries"]), out / FIGURE)
    print(files["report.json"] if options.json else report.table(judgements))
    if not options.json:
        print(f"\n{report.summary(judgements)}\nreport and figure: {out}{os.sep}")
    return int(any(judgement.verdict is Verdict.REFUTED for judgement in judgements))


FIGURE = "phase_diagram.png"
PROGRESS = "{percentage:3.0f}% |{bar}| {elapsed} gone, {remaining} left"


def _plan(chosen: Sequence[Any], bench: Any) -> str:
    """Say what is about to be done."""
    effort = bench.effort
    widths = sorted(width for hidden in effort.hidden.values() for width in hidden)
    return (
        f"Judging {len(chosen)} claims, effort {effort.name}, seed {bench.seed}: exact models of "
        f"width 1e2 to 1e12 from {effort.starts} starts; networks of {widths[0]} to {widths[-1]} "
        f"hidden units, {effort.members} seeds, trained on {effort.samples} samples of "
        f"{bench.source}. All claims take about {effort.minutes:g} minutes on two cores."
    )


def _config(options: argparse.Namespace) -> dict[str, Any]:
    """Return what this run was asked to do, by which version."""
    asked = {name: value for name, value in vars(options).items() if name != "run"}
    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "options": asked | {"out": str(options.out)},
        "version": __version__,
        "commit": commit.stdout.strip() or None,
        "command": sys.argv,
    }


def _folder(path: Path) -> Path:
    """Make a folder that can be written to, or raise InputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out must be a folder that can be made: {error}") from None
    if not os.access(path, os.W_OK):
        raise InputError(f"--out must be a folder that can be written to; got {path}")
    return path


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _draw(figure: Any, path: Path) -> None:
    """Write a figure as PNG and, the same bytes every time, as SVG."""
    from matplotlib import rc_context

    for suffix, options in ((".png", {"dpi": 200}), (".svg", {"metadata": {"Date": None}})):
        with io.BytesIO() as picture, rc_context({"svg.hashsalt": path.stem}):
            figure.savefig(picture, format=suffix[1:], **options)
            _write(path.with_suffix(suffix), picture.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    half = path.with_name(path.name + ".part")
    half.write_bytes(content)
    os.replace(half, path)
