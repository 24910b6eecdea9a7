"""Change formulas of the package, one at a time, and name the changes that no nearby test notices.

    python -m tests.mutants [--number 200] [--seed 0] [--limit 200] [PATH ...]

A mutant is the package with one operator, comparison, number, index, term or argument changed. It
is run by the tests nearest to its file, until one fails: that of the same name, those of its folder
that name the file or what it defines, those of the folders above that import it, the doctests of
the file, the rest of its folder and of the one around it. A mutant that passes them all survives:
it shows a hole in the tests, or is equivalent, and is listed as such below.

Mutants are drawn by the seed from the files of symbolic, numeric and mlp, or of the given paths.
They are made in a copy of the last commit, one after the other; there, all tests have to pass.
They take seconds of processor time, or a minute if they survive; those beyond the limit are left
undecided.

mutmut and cosmic-ray do this, too, but draw nothing at random and run one set of tests for all
files, which takes days here.
"""

import argparse
import ast
import copy
import importlib
import multiprocessing
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from functools import cache
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGES = [f"catapult_sim/{name}" for name in ("symbolic", "numeric", "mlp")]
OPPOSITES = [
    *((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)),
    *((ast.Eq, ast.NotEq), (ast.In, ast.NotIn), (ast.Is, ast.IsNot), (ast.And, ast.Or)),
]
SWAPPED = dict(OPPOSITES) | {other: one for one, other in OPPOSITES}
SWAPPED |= {ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv}
REVERSED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
SYMMETRIC = "max", "min", "maximum", "minimum", "hypot", "gcd", "lcm", "_agree"  # in arguments
# What is no formula: annotations, messages, decorators, imports.
SKIPPED = ("annotation", "returns", "decorator_list", "type_params", "bases", "format_spec")

# Imported once, before the processes of all mutants fork.
LIBRARIES = "pytest", "numpy", "scipy.linalg", "scipy.sparse.linalg", "sympy", "numba"
# What a process takes of memory is measured in a new one; the others try or read everything.
MEMORY = "test_memory.py"
LEFT_OUT = MEMORY, "test_hostile.py", "test_package.py", "test_docs.py", "test_figures.py"
HOW = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider"]  # of pytest
WAITS = 20  # times the limit: what does nothing at all ends, too
TOO_LONG = "too long"

# How changed lines begin that no test can tell from the package's, by file, each with the reason.
FASTER = "chooses the faster of two ways to the same numbers"
SAME = "SymPy finds the same formulas without this assumption"
CHANCE = "that a rounded number equals a bound is chance"
CHOICE = "how exactly, or for how long, is a choice"
EQUIVALENT = {
    "catapult_sim/mlp/activations.py": {
        "right = z.real >= 0": "at 0 both sides are the same number",
    },
    "catapult_sim/mlp/dense.py": {
        "return 1": "of the memory that a kernel asks for, one number in thousands",
    },
    "catapult_sim/mlp/kernel.py": {
        "passes = 3 * sum((layer.multiplications for layer, _, _ in parts[1:-1]))": FASTER,
        "signals = network.outputs * (passes / 2 / PRODUCTS + READ * hidden)": FASTER,
    },
    "catapult_sim/mlp/model.py": {
        "if len(self.input_shape) == 0:": "rows of numbers are returned as they are, too",
    },
    "catapult_sim/mlp/training.py": {
        "gradient = partial(seen.gradient, places[0]) if len(last) == 0 else seen.gradient": FASTER,
    },
    "catapult_sim/numeric/curvature/eigenpairs.py": {
        "lacking = max(2, k - given.shape[1])": CHOICE,
    },
    "catapult_sim/numeric/curvature/spectrum.py": {
        "def trace(operator: Operator, *, probes: int=": CHOICE,
    },
    "catapult_sim/numeric/curvature/krylov.py": {
        "return bool(left >= NOISE * np.finfo(vector.dtype).eps)": CHANCE,
        "if difference >= max(ASYMMETRY * self._largest, lost):": CHANCE,
        "if not np.isfinite(vector).all():": "a zero vector over its norm is no number",
        "COLUMNS = ": CHOICE,
        "LOWEST = -1074": "the exponent of the smallest number is -1073",
    },
    "catapult_sim/numeric/flows/central_flow.py": {
        "if not values[0] > 2 / self.rate * 1e-09:": "a step back from below 2 / eta is zero",
    },
    "catapult_sim/numeric/flows/flow.py": {
        "_RELATIVE_TOLERANCE = ": CHOICE,
    },
    "catapult_sim/numeric/maps/attractor.py": {
        "back = (np.abs(state[:size] - reference) < tolerance).all(axis=0)": CHANCE,
    },
    "catapult_sim/numeric/minibatch/moments.py": {
        "found[:, 0] = _observed(mean, covariance, process.readout(1))": (
            "before the first step all that is averaged is the start"
        ),
    },
    "catapult_sim/numeric/maps/phase_map_numba.py": {
        "STEPS = 2 **": CHOICE,
    },
    "catapult_sim/numeric/minibatch/stationary.py": {
        "digits = ": CHOICE,
    },
    "catapult_sim/symbolic/backward_error/field.py": {
        "values = {w: sp.sqrt(sp.prime(k + 1)).evalf(60) / 3 for k, w in enumerate(symbols)}": (
            "another generic point"
        ),
    },
    "catapult_sim/symbolic/backward_error/modified_equation.py": {
        "HIGHEST_ORDER = ": CHOICE,
    },
    "catapult_sim/symbolic/backward_error/trees.py": {
        "yield ((-1) ** (parts + 1) * factorial(parts - 1))": "the same sign",
    },
    "catapult_sim/symbolic/loss_text.py": {
        "return repr(ast.unparse(node).replace(_LAMBDA, 'lambda')[:": CHOICE,
    },
    "catapult_sim/symbolic/minibatch/moments.py": {
        "beta, gamma = sp.symbols('beta gamma', nonnegative=False)": SAME,
        "x, z, y, c = sp.symbols('x z y c', real=False)": SAME,
        "mean = sp.Matrix([sp.Symbol(f'mu_{one}', real=False) for one in rule.state])": SAME,
    },
    "catapult_sim/symbolic/voices/in_place.py": {
        "if result.place < 1:": "place 0 is of a variable, not of a result",
    },
    "catapult_sim/symbolic/minibatch/variances.py": {
        "g, j, t = sp.symbols('g j t', integer=True, nonnegative=False)": SAME,
        "k, m = sp.symbols('k m', integer=True, positive=False)": SAME,
    },
}


class Mutant(NamedTuple):
    """A change of a file."""

    path: Path
    line: int
    change: str  # in words
    number: int  # of the node among those of the file
    which: int  # of the changes of that node

    def __str__(self):
        return f"{self.path}:{self.line}: {self.change}"

    def source(self):
        """Return the text of the changed file."""
        tree = ast.parse(self.path.read_text())
        node = next(one for i, one in enumerate(formulas(tree)) if i == self.number)
        changed = copy.deepcopy(list(changes(node))[self.which])

        class Change(ast.NodeTransformer):
            def visit(self, seen):
                return changed if seen is node else self.generic_visit(seen)

        return ast.unparse(ast.fix_missing_locations(Change().visit(tree)))


# Changes ----------------------------------------------------------------------------------------


def changes(node):
    """Yield the nodes that may stand in place of one."""
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in SWAPPED:
                yield ast.BinOp(left, SWAPPED[type(op)](), right)
            yield left
            yield right
        case ast.UnaryOp(ast.USub() | ast.Not(), operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Compare(left, [op], [right]):
            for table in (SWAPPED, REVERSED):
                if type(op) in table:
                    yield ast.Compare(left, [table[type(op)]()], [right])
        case ast.BoolOp(op, values):
            yield ast.BoolOp(SWAPPED[type(op)](), values)
            yield values[0]
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value / 2 if isinstance(value, float) else value - 1)
        case ast.Subscript(owner, index, context) if not isinstance(index, ast.Slice | ast.Tuple):
            yield ast.Subscript(owner, ast.Constant(0), context)
        case ast.Call(function, [first, second, *others], keywords) if not (
            ast.unparse(function).endswith(SYMMETRIC)
            or isinstance(first, ast.Starred)
            or isinstance(second, ast.Starred)
        ):
            yield ast.Call(function, [second, first, *others], keywords)


def formulas(node):
    """Yield every node that is part of a formula."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":  # of sequences of one length
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field not in SKIPPED:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from formulas(child)


def mutants(path):
    """Yield every mutant of a file."""
    for number, node in enumerate(formulas(ast.parse(path.read_text()))):
        for which, changed in enumerate(changes(node)):
            before, after = ast.unparse(node), ast.unparse(changed)
            if before != after:
                yield Mutant(path, node.lineno, f"{before}  ->  {after}", number, which)


# Tests ------------------------------------------------------------------------------------------


def folder_of(path):
    """Return the folder of the tests of a file."""
    return Path("tests").joinpath(*path.parent.parts[1:])


@cache
def nearest(path):
    """Return tests in the order in which they are likely to notice a change of a file."""
    folder = folder_of(path)
    own, *above = [sorted(one.glob("test_*.py")) for one in (folder, *folder.parents[:-1])]
    module = ".".join(path.with_suffix("").parts)
    defined = [one.name for one in ast.parse(path.read_text()).body if hasattr(one, "name")]
    near = naming([module, *(name for name in defined if name[0] != "_")], own)
    near.sort(key=lambda one: one.stem != f"test_{path.stem}")
    beside = above[0] if len(folder.parts) > 2 else []
    ordered = dict.fromkeys([*near, *naming([module], chain(*above)), path, *own, *beside])
    return [one for one in ordered if one.name not in LEFT_OUT]


def naming(names, tests):
    """Return the tests whose text has one of the names."""
    named = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    return [one for one in tests if named.search(one.read_text())]


def run_tests(tests, output, limit):
    """Run tests in this process, a copy of one that has imported the libraries."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    os.setsid()  # so that what a test starts can be ended with it
    with open(output, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.path.insert(0, os.getcwd())
    for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
        del sys.modules[name]
    import pytest

    os._exit(pytest.main([*HOW, *map(str, tests)]))


def failure(path, limit):
    """Return the first test of a file that fails, TOO_LONG, or None where all pass."""
    output = Path("output.txt")
    child = multiprocessing.get_context("fork").Process(
        target=run_tests, args=(nearest(path), output, limit)
    )
    child.start()
    child.join(WAITS * limit)
    if child.is_alive():
        os.killpg(child.pid, signal.SIGKILL)
        child.join()
        return TOO_LONG
    if child.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
        return TOO_LONG
    if child.exitcode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output.read_text(), re.MULTILINE)
    if not failed:
        raise RuntimeError(f"no test ran:\n{output.read_text()[-2000:]}")
    return failed[1]


def failure_of_memory(path):
    """Return the tests of memory of the folder and of those above, if they fail."""
    folder = folder_of(path)
    tests = [one / MEMORY for one in (folder, *folder.parents[:-1]) if (one / MEMORY).exists()]
    command = [sys.executable, "-m", "pytest", *HOW, *map(str, tests)]
    failed = tests and subprocess.run(command, capture_output=True, check=False).returncode
    return MEMORY if failed else None


def fate(mutant, limit):
    """Return what becomes of a mutant, and why; leave the file as it was."""
    before, after = mutant.path.read_text(), mutant.source()
    lines = zip(ast.unparse(ast.parse(before)).split("\n"), after.split("\n"), strict=False)
    changed = next(one for plain, one in lines if one != plain).strip()
    for start, reason in EQUIVALENT.get(str(mutant.path), {}).items():
        if changed.startswith(start):
            return "equivalent", reason
    try:
        mutant.path.write_text(after)
        failed = failure(mutant.path, limit) or failure_of_memory(mutant.path)
    finally:
        mutant.path.write_text(before)
    return {None: "SURVIVES", TOO_LONG: "undecided"}.get(failed, "caught"), failed or ""


# The run ----------------------------------------------------------------------------------------


def asked():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", default=PACKAGES, metavar="PATH")
    parser.add_argument("--number", type=int, default=200, help="how many mutants to draw")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--limit", type=int, default=200, help="seconds of processor time for each")
    return parser.parse_args()


def files(paths):
    """Return the files of the paths that have formulas."""
    places = map(Path, paths)
    found = {file for one in places for file in ([one] if one.suffix else one.rglob("*.py"))}
    return sorted(file for file in found if file.name != "__init__.py")


def copy_of_the_last_commit(folder):
    archive = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as commit:
        commit.extractall(folder, filter="data")


def judge(drawn, limit):
    """Print what becomes of each mutant, and how many share each fate."""
    found = Counter()
    for i, mutant in enumerate(drawn):
        what, why = fate(mutant, limit)
        found[what] += 1
        print(f"{i + 1}/{len(drawn)} {what} {mutant}\n      {why}", flush=True)
    print(", ".join(f"{count} {what}" for what, count in found.items()))


def main():
    options = asked()
    with tempfile.TemporaryDirectory() as folder:
        copy_of_the_last_commit(folder)
        os.chdir(folder)
        os.environ["PYTHONPATH"] = folder  # of what tests start, too
        for library in LIBRARIES:
            importlib.import_module(library)
        every = [mutant for path in files(options.paths) for mutant in mutants(path)]
        drawn = random.Random(options.seed).sample(every, min(options.number, len(every)))
        judge(drawn, options.limit)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
