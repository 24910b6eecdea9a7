"""The phase diagram that ``catapult-sim verify --effort full`` draws, from a stored run.

Left: where the loss of the linear network first rises, and where convergence ends, against the
width; theory's regions, measured points, bars of one standard deviation over seeds. Right: the
phases of trained networks: where the loss first rises, on 64 digits (odd against even; the widest
networks trained), and where they begin to diverge, on 512 digits (ten classes; 512 units a layer).
A dot is one seed, an arrow one that had not diverged where the search ended. Dashed are 2 and 4,
exact for the linear network of infinite width; dotted is 12, the literature's value for ReLU. c =
eta lambda_0, lambda_0 the top eigenvalue of the kernel (1/m) J J^T at the start of each seed.
"""

import json
from pathlib import Path

from catapult_sim.commands.gallery import run_script
from catapult_sim.commands.titles import verification_title
from catapult_sim.experiments.bench import EFFORTS
from catapult_sim.plots import phase_diagram

HERE = Path(__file__)


def main():
    """Return the figure."""
    rows = json.loads(HERE.with_suffix(".json").read_text())["boundaries"]
    return phase_diagram(rows, verification_title(EFFORTS["full"], seed=0))


if __name__ == "__main__":
    run_script(main, __file__)
