"""Draw the whole gallery, on every core: in five minutes on two with little effort.

    python figures [--effort quick] [--out gallery]

Scripts that train networks do it with the effort asked for, or their own, which takes longer. Those
in one row below share measurements, and run one after the other in one process.
"""

import argparse
import os
from concurrent.futures import as_completed
from pathlib import Path

from catapult_sim import process_pool
from catapult_sim.commands.gallery import run_scripts

HERE = Path(__file__).parent
EFFORT = "quick: five minutes on two cores; default: of each script, longer"
SHARED = (  # the longest first
    ("sharpest_grid", "sharpest_steps", "nudged_sgd", "nudged_table"),
    ("rare_catapults",),
    ("c_act", "input_scaling"),
    ("early_training",),
    ("implicit_regularization",),
    ("averaging", "averages_table", "batch_loss"),
)


def rows():
    """Return the scripts that are run in one process, in the order of their start."""
    known = [[HERE / f"{name}.py" for name in row] for row in SHARED]
    others = set(HERE.glob("[!_]*.py")).difference(*known)
    return [*known, *([script] for script in sorted(others))]


def main():
    """Draw the figures, and name each as it is done."""
    parser = argparse.ArgumentParser(prog="figures", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gallery"), metavar="DIR")
    parser.add_argument("--effort", choices=("quick", "full"), help=EFFORT)
    options = parser.parse_args()
    with process_pool(os.cpu_count()) as pool:
        out = ("--out", str(options.out))
        jobs = [pool.submit(run_scripts, row, *out, effort=options.effort) for row in rows()]
        for job in as_completed(jobs):
            print(job.result(), end="", flush=True)


if __name__ == "__main__":
    main()
