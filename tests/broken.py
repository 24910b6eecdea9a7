"""Break formulas of the package, one at a time, and let `verify` judge theorems that rest on them.

    python -m tests.broken

Each formula is changed in a copy of the package, whose `verify` is then run on one theorem. A line
for each tells what was broken, the theorem, its verdict and the exit status; the first line is that
of the sound copy, with all theorems.
"""

import contextlib
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent.parent / "catapult_sim"


class Fault(NamedTuple):
    """A change of one formula, and a theorem that rests on it."""

    file: str
    right: str
    wrong: str
    theorem: str


FAULTS = (
    Fault(
        "symbolic/linear_net/sample.py",
        "lam + sp.factor(lam_next - lam)",
        "lam - sp.factor(lam_next - lam)",
        "catapult.map",
    ),
    Fault(
        "symbolic/linear_net/hessian.py",
        "centre + sp.sqrt(discriminant) / 2,",
        "centre + sp.sqrt(discriminant),",
        "edge_of_stability.hessian",
    ),
    Fault(
        "symbolic/linear_net/orbits.py",
        "rule.next[0].subs(on_manifold) / 2)",
        "rule.next[0].subs(on_manifold) * sp.Rational(9, 20))",
        "edge_of_stability.lyapunov.balanced-map",
    ),
    Fault(
        "symbolic/minibatch/variances.py",
        "* (1 + mean_after().subs(t, g)) / 2",
        "* (1 - mean_after().subs(t, g)) / 2",
        "minibatch_losses.model.closed.two-point",
    ),
    Fault(
        "symbolic/minibatch/moments.py",
        "moments(step(beta))",
        "moments(step(beta / 2))",
        "minibatch_losses.model.closed.heavy-ball",
    ),
    Fault(
        "numeric/linear_net/gradient_descent.py",
        "seen, error) / len(rows)",
        "seen, error) / (len(rows) + 1)",
        "catapult.closure.minibatches",
    ),
    Fault(
        "numeric/curvature/stability.py",
        "return 2 * (1 + beta) / (1 + ahead) / h",
        "return 2 * (1 - beta) / (1 + ahead) / h",
        "catapult.momentum.heavy-ball-0.5.linear",
    ),
    Fault(
        "numeric/curvature/step_response.py",
        "origin - alphas[:, None] * part",
        "origin + alphas[:, None] * part",
        "sharpest_directions.exact.quadratic",
    ),
    Fault(
        "numeric/curvature/directions.py",
        "(gamma - rest) * projection(array, frame)",
        "(gamma + rest) * projection(array, frame)",
        "sharpest_directions.exact.nudge",
    ),
    Fault(
        "numeric/minibatch/stationary.py",
        "return 2 * (values / (1 + values))",
        "return values / (1 + values)",
        "minibatch_losses.model.rate.two-point",
    ),
    Fault(
        "numeric/flows/epochs.py",
        "np.arange(batches)[::-1]",
        "np.arange(batches)",
        "implicit_regularization.identity.reversal",
    ),
    Fault(
        "mlp/taylor.py",
        "return row_products(moved, rows) / samples, row_products(moved, moved) / samples",
        "return row_products(moved, rows) / samples, row_products(moved, rows) / samples",
        "quadratic_models.kernel-update",
    ),
)


class Judged(NamedTuple):
    """The verdicts on theorems, and the exit status."""

    verdicts: dict[str, str]
    status: int


def judged(copy: Path, *theorems: str) -> Judged:
    """Import the package afresh from a folder, and let it judge theorems."""
    for name in [name for name in sys.modules if name.split(".")[0] == "catapult_sim"]:
        del sys.modules[name]
    sys.path.insert(0, str(copy))
    try:
        from catapult_sim.cli import main

        out = copy / "verification"
        told = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with told[0], told[1]:
            how = ["--overwrite", "--workers", "1", "--out", str(out)]
            status = main(["verify", *how, "--claims", *theorems])
        found = json.loads((out / "report.json").read_text())["claims"]
        return Judged({claim["id"]: claim["verdict"] for claim in found}, status)
    finally:
        sys.path.remove(str(copy))


def broken(copy: Path, fault: Fault) -> Judged:
    """Judge the theorem of a fault on a copy of the package that has it."""
    file = copy / "catapult_sim" / fault.file
    sound = file.read_text()
    if sound.count(fault.right) != 1:
        raise LookupError(f"{fault.file} must hold {fault.right!r} once")
    file.write_text(sound.replace(fault.right, fault.wrong))
    try:
        return judged(copy, fault.theorem)
    finally:
        file.write_text(sound)


def main() -> None:
    """Print what a sound copy and every broken one say."""
    sys.dont_write_bytecode = True  # a changed file may have the old one's size and time
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, copy / "catapult_sim", ignore=ignored)
        print(json.dumps(["", *judged(copy, *(fault.theorem for fault in FAULTS))]))
        for fault in FAULTS:
            print(json.dumps([fault.file, *broken(copy, fault)]), flush=True)


if __name__ == "__main__":
    main()
