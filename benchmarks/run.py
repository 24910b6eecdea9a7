"""Time the package against the peers that are installed, and write the tables as one page.

    python benchmarks/run.py [--only mlp phase_map] [--rounds 9] [--out FOLDER]

Peers are optional: ``pip install torch jax numba``; the phase map also races a C loop where gcc is
found. Each benchmark runs in a process of its own. There, contenders take turns, and threads that
wait for work sleep, so that nobody pays for another's. Let nothing else run meanwhile.

It writes ``benchmarks.md``, which is a page of the documentation, and ``benchmarks.json`` with the
same numbers.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import threadpoolctl
from side_by_side import PASSIVE

HERE = Path(__file__).parent
# Minutes on two cores with all peers, and arguments that are given besides the number of rounds.
BENCHMARKS = {
    "linear_net": (3, ()),
    "phase_map": (2, ()),
    "mlp": (4, ("--widths", "512")),
    "mlp_ensemble": (16, ()),
    "convolution": (2, ()),
    "curvature": (3, ()),
    "growth": (5, ()),
    "verify": (4, ()),
}
PEERS = ("torch", "jax", "numba", "pyhessian", "curvlinops-for-pytorch", "neural-tangents")
PACKAGES = ("catapult_sim", "numpy", "scipy", *PEERS)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=9, help="of each table (default: 9)")
    parser.add_argument("--out", type=Path, default=Path(), help="an existing folder")
    return parser.parse_args()


def tables_of(name, arguments, rounds):
    """Run one benchmark in a process of its own; return its tables, and whether it ended well."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tables.jsonl")
        path.touch()
        environment = os.environ | PASSIVE | {"BENCHMARK_TABLES": str(path)}
        command = [sys.executable, HERE / f"{name}.py", "--repeats", str(rounds), *arguments]
        done = subprocess.run(command, check=False, env=environment)
        tables = [json.loads(line) for line in path.read_text().splitlines()]
    return tables, done.returncode == 0


def machine():
    """Return what the numbers depend on."""
    import scipy.linalg  # noqa: F401  # brings a BLAS of its own

    blas = {
        f"{library['internal_api']} {library['version']}, {library.get('architecture', 'unknown')}"
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas"
    }
    return {
        "processor": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        "system": platform.platform(),
        "python": platform.python_version(),
        "blas": "; ".join(sorted(blas)),
        "packages": {name: version(name) for name in PACKAGES if version(name)},
        "date": time.strftime("%Y-%m-%d"),
    }


def processor():
    """Return the model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(line.split(": ")[1] for line in lines if line.startswith("model name"))


def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def page(found):
    """Return the tables as Markdown."""
    where, lines = found["machine"], []
    packages = ", ".join(f"{name} {number}" for name, number in where["packages"].items())
    lines += [
        "# Speed",
        "",
        f"Taken by `python benchmarks/run.py` on {where['date']}: {where['processor']}; Python "
        f"{where['python']}, {packages}; {where['blas']}.",
        "",
        "A row is the time of one contender over that of the first in the same round: the median, "
        "and the middle half of all rounds. Above 1, the first is faster. Of seconds only the "
        "ratio means something on another machine.",
    ]
    for table in found["tables"]:
        times = f", {table['rounds']} rounds" if "rounds" in table else ""
        title = table["title"] + times
        lines += ["", f"## {title[0].upper()}{title[1:]}", ""]
        lines += next(write(table[kind]) for kind, write in FORMATS.items() if kind in table)
    return "\n".join(lines) + "\n"


def race_rows(rows):
    """Return a table of ratios as lines of Markdown."""
    lines = ["| | time over the first | middle half | milliseconds |", "|---|---|---|---|"]
    for number, row in enumerate(rows):
        spread = f"{row['low']:.2f} to {row['high']:.2f}" if number else ""
        cells = row["name"], f"{row['ratio']:.3g}", spread, f"{1e3 * row['seconds']:.4g}"
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def growth_rows(rows):
    """Return a table of how time and memory grow as lines of Markdown."""
    head = "what", "by", "from", "to", "ms", "MB", "power of time", "in theory", "power of memory"
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        span = [f"{size:,.0f}" for size in (row["sizes"][0], row["sizes"][-1])]
        ends = [(1e3, row["seconds"]), (1e-6, row["bytes"])]
        ranges = [f"{unit * of[0]:.3g} to {unit * of[-1]:.3g}" for unit, of in ends]
        theory = f"{row['theory']}{', ' * bool(row['because'])}{row['because']}"
        powers = f"{row['time_power']:.2f}", theory, f"{row['memory_power']:.2f}"
        lines.append(f"| {' | '.join((row['what'], row['axis'], *span, *ranges, *powers))} |")
    return lines


def share_rows(rows):
    """Return a table of what time is spent on as lines of Markdown."""
    lines = ["| | seconds | share |", "|---|---|---|"]
    return lines + [f"| {a['name']} | {a['seconds']:.0f} | {a['share']:.0%} |" for a in rows]


FORMATS = {"rows": race_rows, "growth": growth_rows, "shares": share_rows}


def main():
    asked = options()
    minutes = sum(BENCHMARKS[name][0] for name in asked.only) * asked.rounds / 9
    print(f"{', '.join(asked.only)}: about {minutes:.0f} minutes on two quiet cores", flush=True)
    found, failed = {"machine": machine(), "tables": []}, []
    for name in asked.only:
        print(f"\n{name}", flush=True)
        tables, well = tables_of(name, BENCHMARKS[name][1], asked.rounds)
        found["tables"] += tables
        failed += [] if well else [name]
        (asked.out / "benchmarks.json").write_text(json.dumps(found, indent=1) + "\n")
        (asked.out / "benchmarks.md").write_text(page(found))
    print(f"\n{asked.out / 'benchmarks.md'}, {asked.out / 'benchmarks.json'}")
    return f"{', '.join(failed)} failed: their tables are not complete" if failed else 0


if __name__ == "__main__":
    sys.exit(main())
