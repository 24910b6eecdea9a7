"""Change formulas of the package, one at a time, and name the changes that no nearby test notices.

    python -m tests.mutants [--number 200] [--seed 0] [--limit 120] [PATH ...]

A mutant is the package with one operator, comparison, number, index, term or argument changed. It
is run by the tests of its folder that import its file, the one of the same name first, or by all
tests of the folder where none does, and by the doctests of the file. A mutant that passes them all
shows a hole in the tests. Mutants are drawn by the seed from the files of symbolic, numeric and
mlp, or of the given paths. They are made in a copy of the last commit, one after the other.

Tools that do this choose neither the tests by file nor mutants at random: with mutmut and
cosmic-ray it takes days, for the whole package and all tests.
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
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = [f"catapult_sim/{name}" for name in ("symbolic", "numeric", "mlp")]
OPPOSITES = [
    *((ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)),
    *((ast.Eq, ast.NotEq), (ast.In, ast.NotIn), (ast.Is, ast.IsNot), (ast.And, ast.Or)),
]
SWAPPED = dict(OPPOSITES) | {other: one for one, other in OPPOSITES}
SWAPPED |= {ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv}
REVERSED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}
MEMORY = "test_memory.py"  # a process that is forked needs less of it
TOO_LONG = "too long"
WAITS = 20  # times the limit: what does nothing at all ends, too
# Imported once, before the processes of all mutants fork.
LIBRARIES = "pytest", "numpy", "scipy.linalg", "scipy.sparse.linalg", "sympy", "numba"
# What is no formula: annotations, messages, decorators, imports.
SKIPPED = ("annotation", "returns", "decorator_list", "type_params", "bases", "format_spec")

# Mutants that no test can tell from the package, each with the reason.
EQUIVALENT: dict[tuple[str, str], str] = {}


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
        case ast.Call(function, [first, second, *others], keywords) if not any(
            isinstance(one, ast.Starred) for one in (first, second)
        ):
            yield ast.Call(function, [second, first, *others], keywords)


def formulas(node):
    """Yield every node that is part of a formula."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field not in SKIPPED:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from formulas(child)


def mutants(path):
    """Yield the place, the number of the node, that of the change and its words, of a file."""
    for number, node in enumerate(formulas(ast.parse(path.read_text()))):
        before = ast.unparse(node) if isinstance(node, ast.expr) else ""
        for which, changed in enumerate(changes(node)):
            words = f"{before}  ->  {ast.unparse(changed)}"
            if before != ast.unparse(changed):
                yield path, number, which, f"{path}:{node.lineno}: {words}"


def mutated(source, number, which):
    """Return the source with one node changed."""
    tree = ast.parse(source)
    node = next(one for i, one in enumerate(formulas(tree)) if i == number)
    changed = copy.deepcopy(list(changes(node))[which])

    class Change(ast.NodeTransformer):
        def visit(self, seen):
            return changed if seen is node else self.generic_visit(seen)

    return ast.unparse(ast.fix_missing_locations(Change().visit(tree)))


# Tests ------------------------------------------------------------------------------------------


@cache
def nearest(path):
    """Return the tests of a file: those of its folder that import it, or all of the folder."""
    folder = Path("tests").joinpath(*path.parent.parts[1:])
    everything = sorted(one for one in folder.glob("test_*.py") if one.name != MEMORY)
    name = re.escape(".".join(path.with_suffix("").parts))
    found = [one for one in everything if re.search(rf"{name}\b", one.read_text())]
    found.sort(key=lambda one: one.stem != f"test_{path.stem}")
    return [*(found or everything), path]


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

    how = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider"]
    os._exit(pytest.main([*how, *map(str, tests)]))


def outcome(path, limit):
    """Return the first test that fails, TOO_LONG, or None where all pass."""
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


def verdict(mutant, limit):
    """Return what becomes of a mutant; leave the file as it was."""
    path, number, which, _ = mutant
    source = path.read_text()
    try:
        path.write_text(mutated(source, number, which))
        return outcome(path, limit)
    finally:
        path.write_text(source)


# The run ----------------------------------------------------------------------------------------


def asked():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", default=PACKAGES, metavar="PATH")
    parser.add_argument("--number", type=int, default=200, help="how many mutants to draw")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--limit", type=int, default=100, help="seconds of processor time for each")
    return parser.parse_args()


def files(paths):
    """Return the files of the paths that have formulas."""
    found = {
        file
        for path in map(Path, paths)
        for file in ([path] if path.suffix else path.rglob("*.py"))
    }
    return sorted(file for file in found if file.name != "__init__.py")


def copy_of_the_last_commit(folder):
    archive = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files_of_the_commit:
        files_of_the_commit.extractall(folder, filter="data")


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
        found = Counter()
        for i, mutant in enumerate(drawn):
            fails = verdict(mutant, options.limit)
            fate = {None: "SURVIVES", TOO_LONG: "undecided"}.get(fails, "caught")
            found[fate] += 1
            print(f"{i + 1}/{len(drawn)} {fate} {mutant[3]}\n      {fails or ''}", flush=True)
        print(f"of {len(every)} mutants:", ", ".join(f"{n} {fate}" for fate, n in found.items()))
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
