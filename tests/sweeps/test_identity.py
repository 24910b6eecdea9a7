"""Records know their function: by module, name and version, or by its source."""

import importlib
import linecache
import subprocess
import sys
import types

import pytest

from catapult_sim.sweeps.cell import physics_of
from catapult_sim.sweeps.identity import difference
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.validation import InputError
from tests.sweeps.sweeping import draw, square

CELL = """
import math

FACTOR = 2


def scaled(x):
    return FACTOR * x


def cell(cell):
    x = scaled(cell["x"])
    return x


def other(cell):
    return 0


if __name__ == "__main__":
    found, x = other({}), 1
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module of this source and imports it anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return write


def test_functions_of_one_name_in_two_modules_share_nothing(module, tmp_path):
    squares = module("squares", "def cell(c):\n    return c['x'] ** 2\n")
    cubes = module("cubes", "def cell(c):\n    return c['x'] ** 3\n")
    sweep(squares.cell, [{"x": 2}], record=tmp_path / "record")
    with pytest.raises(InputError, match=r"it is of squares\.cell, this sweep of cubes\.cell$"):
        sweep(cubes.cell, [{"x": 2}], record=tmp_path / "record")


MEANT = {
    "its body": ("    return x\n", "    return -x\n"),
    "what it calls": ("return FACTOR * x", "return FACTOR + x"),
    "a constant of what it calls": ("FACTOR = 2", "FACTOR = 3"),
}


@pytest.mark.parametrize("edit", MEANT.values(), ids=MEANT)
def test_an_edited_function_gives_no_old_numbers(edit, module, tmp_path):
    record = tmp_path / "record"
    sweep(module("edited", CELL).cell, [{"x": 2}], record=record)
    before = record.read_bytes()
    again = module("edited", CELL.replace(*edit)).cell
    with pytest.raises(InputError, match=r"line 1 is not: the source of edited\.cell has changed"):
        sweep(again, [{"x": 2}], record=record)
    assert record.read_bytes() == before


UNMEANT = {
    "a comment": ("FACTOR = 2", "FACTOR = 2  # of two"),
    "blank lines": ("import math\n", "import math\n\n\n"),
    "another function": ("return 0", "return 1"),
    "an import that it does not use": ("import math", "import cmath"),
    "what runs as a program": ("found, x = other({}), 1", "found, x = 2, 2"),
}


@pytest.mark.parametrize("edit", UNMEANT.values(), ids=UNMEANT)
def test_what_a_function_does_not_use_may_change(edit, module, tmp_path):
    sweep(module("edited", CELL).cell, [{"x": 2}], record=tmp_path / "record")
    again = sweep(
        module("edited", CELL.replace(*edit)).cell, [{"x": 2}], record=tmp_path / "record"
    )
    assert (again.known, again.computed) == (1, 0)


USES = """
def cell(cell):
    return PLACE


"""

# What a function uses, as it is written in the function, and statements that set it to 2.
SET = {
    "an entry": ("P['k']", "P = {}\nP['k'] = 2"),
    "a call": ("P[1]", "P = [0]\nP.append(2)"),
    "a call whose result is kept": ("P['k']", "P = {}\nkept = P.setdefault('k', 2)"),
    "a function that is given it": ("P[0]", "import heapq\nP = []\nheapq.heappush(P, 2)"),
    "an attribute of a class": ("P.k", "class P:\n    k = 0\nP.k = 2"),
    "an attribute of a function": ("P.k", "def P():\n    pass\nP.k = 2"),
    "setattr": ("P.k", "class P:\n    k = 0\nsetattr(P, 'k', 2)"),
    "globals": ("P", "P = 0\nglobals()['P'] = 2"),
    "an update": ("P['k']", "P = {}\nP |= {'k': 2}"),
    "an addition": ("P", "P = 0\nP += 2"),
    "del": ("P[0]", "P = list(range(9))\ndel P[:2]"),
    "a loop": ("P[0]", "P = [0]\nfor i in range(1):\n    P[i] = 2"),
    "the variable of a loop": ("P", "for P in (2,):\n    pass"),
    "with": (
        "P[0]",
        "import contextlib\nP = [0]\nwith contextlib.suppress(Exception):\n    P[0] = 2",
    ),
    "try": ("P[0]", "P = [0]\ntry:\n    P[0] = 2\nfinally:\n    pass"),
    "another name of it": ("P[0]", "P = [0]\nQ = P\nQ[0] = 2"),
    "a loop over what it holds": ("P[0][0]", "P = [[0]]\nfor q in P:\n    q[0] = 2"),
    "a function that is called": ("P[0]", "P = [0]\ndef put(k):\n    P[0] = k\nput(2)"),
    "a function of a function": (
        "P[0]",
        "P = [0]\ndef put():\n    P[0] = 2\ndef begin():\n    put()\nbegin()",
    ),
    "a global of a function": ("P", "P = 0\ndef put(k):\n    global P\n    P = k\nput(2)"),
    "a method": (
        "P.k",
        "class P:\n    @classmethod\n    def put(c, k):\n        c.k = k\nP.put(2)",
    ),
    "a decorator": ("P[0]()", "P = []\n@P.append\ndef one():\n    return 2"),
    "what runs as a program": ("P[0]", "P = [0]\nif __name__ != '':\n    P[0] = 2"),
    "an expression": ("P", "(P := 2)"),
    "match": ("P", "match 2:\n    case P:\n        pass"),
    "map": ("P['k']", "P = {}\ndef put(k):\n    P[k] = 2\nlist(map(put, 'k'))"),
    "filter": ("P[0]", "P = []\ndef put(k):\n    P.append(2)\nlist(filter(put, 'k'))"),
    "sorted": ("P[0]", "P = []\ndef put(k):\n    P.append(2)\nsorted('k', key=put)"),
    "reduce": (
        "P[0]",
        "from functools import reduce\nP = []\ndef put(k, j):\n    P.append(2)\nreduce(put, 'ab')",
    ),
    "partial": (
        "P[0]",
        "from functools import partial\nP = []\ndef put(k):\n    P.append(2)\n"
        "q = partial(put, 1)\nq()",
    ),
    "a thread": (
        "P[0]",
        "import threading as t\nP = []\ndef put():\n    P.append(2)\nq = t.Thread(target=put)\n"
        "q.start()\nq.join()",
    ),
    "a list of functions": (
        "P[0]",
        "P = []\ndef put():\n    P.append(2)\nfor q in [put]:\n    q()",
    ),
    "a dict of functions": ("P[0]", "P = []\ndef put():\n    P.append(2)\nq = {1: put}\nq[1]()"),
    "another name of a function": ("P[0]", "P = []\ndef put():\n    P.append(2)\nq = put\nq()"),
    "a default that is called": (
        "P[0]",
        "P = []\ndef put():\n    P.append(2)\ndef go(q=put):\n    q()\ngo()",
    ),
    "a function that is handed on": (
        "P[0]",
        "P = []\ndef put(k):\n    P.append(2)\ndef begin():\n    list(map(put, 'k'))\nbegin()",
    ),
    "a function that calls what it is handed": (
        "P[0]",
        "P = []\ndef put():\n    P.append(2)\ndef go(q):\n    q()\ngo(put)",
    ),
    "a function in a function": (
        "P[0]",
        "P = []\ndef put():\n    P.append(2)\n"
        "def make(q):\n    def go():\n        q()\n    return go\nmake(put)()",
    ),
    "a global of what is handed on": (
        "P",
        "P = 0\ndef put(k):\n    global P\n    P = 2\nlist(map(put, 'k'))",
    ),
    "what a function that is handed on returns": (
        "P[0]",
        "P = [0]\ndef get(k):\n    return P\nfor q in map(get, 'k'):\n    q[0] = 2",
    ),
    "a class that is derived": (
        "P[0]",
        "P = []\nclass A:\n    def __init_subclass__(c):\n        P.append(2)\n"
        "class B(A):\n    pass",
    ),
    "a registered function": (
        "P(1)",
        "import functools\n@functools.singledispatch\ndef P(k):\n    pass\n@P.register\n"
        "def _(k: int):\n    return 2",
    ),
    "a default": ("P()", "def P(k=2):\n    return k"),
    "a comprehension's variable": ("(P(), [P for P in (0, 1)])[0]", "def P():\n    return 2"),
    "an inner function's variable": ("(lambda: P())()", "def P():\n    return 2"),
    "an attribute of a class in it": (
        "(lambda: P())(), sum(P for P in ())",
        "def P():\n    return 2",
    ),
}


@pytest.mark.parametrize(("place", "setting"), SET.values(), ids=SET)
def test_a_value_that_is_set_otherwise_gives_no_old_numbers(place, setting, module, tmp_path):
    source = USES.replace("PLACE", place) + setting
    record = tmp_path / "record"
    first = module("edited", source).cell
    before = first({})
    sweep(first, [{}], record=record)
    changed = module("edited", source.replace("2", "3")).cell
    assert changed({}) != before
    with pytest.raises(InputError, match=r"the source of edited\.cell has changed"):
        sweep(changed, [{}], record=record)


# What a cell imports from files beside it, how it is written there, and the files.
IMPORTED = {
    "a name": ("from beside import K", "K", {"beside": "K = 2"}),
    "a module": ("import beside", "beside.K", {"beside": "K = 2"}),
    "a module under another name": ("import beside as b", "b.K", {"beside": "K = 2"}),
    "all names": ("from beside import *", "K", {"beside": "K = 2"}),
    "getattr": ("import beside", "getattr(beside, 'K')", {"beside": "K = 2"}),
    "in the function": ("", "__import__('beside').K", {"beside": "K = 2"}),
    "import_module": (
        "import importlib",
        "importlib.import_module('beside').K",
        {"beside": "K = 2"},
    ),
    "sys.modules": (
        "import beside, sys",
        "getattr(sys.modules['beside'], 'K')",
        {"beside": "K = 2"},
    ),
    "sys.modules of its own": ("import sys\nK = 2", "getattr(sys.modules[__name__], 'K')", {}),
    "its dict": ("import sys\nK = 2\ndef f(): ...", "f.__globals__['K']", {}),
    "a function": (
        "from beside import f",
        "f()",
        {"beside": "from deeper import K\ndef f():\n    return K", "deeper": "K = 2"},
    ),
    "a value that is set there": (
        "import beside",
        "beside.K[0]",
        {"beside": "import deeper\nK = []\nK.append(deeper.f())", "deeper": "def f(): return 2"},
    ),
    "a value that is set here": (
        "import beside\nbeside.K = 2",
        "beside.K",
        {"beside": "K = 0"},
    ),
    "a part of a package": (
        "from folder import part",
        "part.K",
        {"folder/__init__": "", "folder/part": "K = 2"},
    ),
    "a name of a package": (
        "from folder import K",
        "K",
        {
            "folder/__init__": "from .part import *",
            "folder/part": "from . import other\nK = other.K",
            "folder/other": "K = 2",
        },
    ),
    "a module of a package": (
        "import folder.part",
        "folder.part.K",
        {"folder/part": "K = 2"},
    ),
}


@pytest.mark.parametrize(("imports", "place", "beside"), IMPORTED.values(), ids=IMPORTED)
def test_what_it_imports_from_files_beside_it_gives_no_old_numbers(
    imports, place, beside, module, tmp_path
):
    record = tmp_path / "record"
    source = f"{imports}\n{USES.replace('PLACE', place)}"

    def written(number):
        for name, text in beside.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / f"{name}.py").write_text(text.replace("2", number))
            for known in ("folder", name.replace("/", ".")):
                sys.modules.pop(known, None)
        return module("edited", source.replace("2", number)).cell

    before = written("2")({})
    sweep(written("2"), [{}], record=record)
    assert sweep(written("2"), [{}], record=record).known == 1
    changed = written("3")
    assert changed({}) != before
    with pytest.raises(InputError, match=r"the source of edited\.cell has changed"):
        sweep(changed, [{}], record=record)


def test_files_beside_it_may_grow(module, tmp_path):
    record = tmp_path / "record"
    both = "import both\nfrom both import f\ndef cell(cell):\n    return f() + both.K\n"
    held = "K = 2\nL = 3\ndef f():\n    return K\ndef g():\n    return L\n"
    module("both", held)
    sweep(module("edited", both).cell, [{}], record=record)
    module("both", held.replace("L = 3", "L = 4  # more").replace("return L", "return -L"))
    assert sweep(module("edited", both).cell, [{}], record=record).known == 1


@pytest.fixture
def notebook(monkeypatch):
    """Return a function that runs a cell of a notebook, as IPython does, and returns its names."""
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run(source):
        file = f"<ipython-input-{len(linecache.cache)}>"
        lines = [line + "\n" for line in source.splitlines()]
        monkeypatch.setitem(linecache.cache, file, (len(source), None, lines, file))
        exec(compile(source, file, "exec"), vars(main))
        return main

    return run


NOTEBOOK = {
    "a number": ("K = 2", "K"),
    "an array": ("import numpy as np\nK = np.full(3, 2.0)", "K.sum()"),
    "data": ("import numpy as np\nX, y = np.eye(2), [2]", "y[0] * X.sum()"),
    "a function": ("def f(): return 2", "f()"),
    "a function of a value": ("K = 2\ndef f(): return g()\ndef g(): return K", "f()"),
    "a cached function": ("import functools\n@functools.cache\ndef f(): return 2", "f()"),
    "a class": ("class P:\n    k = 2", "P.k"),
    "a method of a class": ("class P:\n    def k(self):\n        return 2", "P().k()"),
    "an entry": ("K = {'a': [0, 2]}", "K['a'][1]"),
    "a value that is set anew": ("K = 0\ndef f(): return K", "f()", "K = 2"),
    "a data frame": ("import pandas as pd\nK = pd.DataFrame({'a': [2], 'b': ['x']})", "K.a[0]"),
}


@pytest.mark.parametrize("cells", NOTEBOOK.values(), ids=NOTEBOOK)
def test_what_other_cells_of_a_notebook_set_gives_no_old_numbers(cells, notebook, tmp_path):
    above, place, *more = cells
    if "pandas" in above:
        pytest.importorskip("pandas")
    below = f"def cell(cell):\n    return float({place})"
    record = tmp_path / "record"
    notebook(above)
    above = more[0] if more else above
    notebook(above)
    before = notebook(below).cell({})
    sweep(notebook(below).cell, [{}], record=record)
    notebook(above)
    assert sweep(notebook(below + "  # again").cell, [{}], record=record).known == 1
    changed = notebook(above.replace("2", "3")).cell
    assert changed({}) != before
    with pytest.raises(InputError, match=r"the source of .*cell has changed"):
        sweep(changed, [{}], record=record)


STUDY = """
import math

RATES = [0.1, 0.2]
SCALE = 2
LABELS = {}
LABELS["x"] = "length"


def scaled(x):
    return SCALE * x * RATES[0] * math.pi


def cell(cell):
    label = 1
    return scaled(cell["x"]) * label


def other(cell):
    return RATES[1] * cell["x"]


label = "of a figure"
cells = [{"x": x * SCALE} for x in range(3)]
caption = label, LABELS, math.sin(1.0), cells


def sweep(function, cells):
    return caption


sweep(cell, cells)
sweep(other, [{"x": 1}])
"""

BESIDE = {
    "the cells": ("range(3)", "range(4)"),
    "a figure": ("of a figure", "of the figure"),
    "another value": ("length", "height"),
    "another function with the same list": ("RATES[1] * cell", "RATES[1] + cell"),
    "the other sweep": ('[{"x": 1}]', '[{"x": 2}]'),
    "what is done with a module": ("math.sin(1.0)", "math.cos(1.0)"),
}


@pytest.mark.parametrize("edit", BESIDE.values(), ids=BESIDE)
def test_a_study_may_grow_around_its_function(edit, module, tmp_path):
    record = tmp_path / "record"
    sweep(module("study", STUDY).cell, [{"x": 2}], record=record)
    assert edit[0] in STUDY
    assert sweep(module("study", STUDY.replace(*edit)).cell, [{"x": 2}], record=record).known == 1


SHARED = """
import catapult_sim as cs
import numpy as np

X = np.arange(5.0)


def cell(cell):
    return np.mean(X) * cell["x"]


def other(cell):
    return float(np.sum(X))


found = cs.sweep(cell, [{"x": 1}])
others = cs.sweep(other, [{"x": 1}])
print(others, "others")
"""


@pytest.mark.parametrize(
    "edit", [("np.sum", "np.prod"), ('r, [{"x": 1', 'r, [{"x": 2'), ('"ot', '"no')]
)
def test_sweeps_of_other_cells_may_change(edit, module, tmp_path):
    assert edit[0] in SHARED
    record = tmp_path / "record"
    sweep(module("shared", SHARED).cell, [{"x": 2}], record=record)
    assert sweep(module("shared", SHARED.replace(*edit)).cell, [{"x": 2}], record=record).known == 1


HOLDER = """
class Holder:
    def __init__(self, k):
        self.k = k

    def cell(self, cell):
        return self.k


cell = Holder(2).cell
"""


def test_a_method_is_known_by_what_its_object_holds(module, tmp_path):
    record = tmp_path / "record"
    sweep(module("held", HOLDER).cell, [{}], record=record)
    assert sweep(module("held", HOLDER).cell, [{}], record=record).known == 1
    with pytest.raises(InputError, match=r"the source of held\.Holder\.cell has changed"):
        sweep(module("held", HOLDER.replace("(2)", "(3)")).cell, [{}], record=record)
    with pytest.raises(InputError, match="a method of an object that can be pickled; "):
        sweep(module("held", HOLDER.replace("(2)", "(lambda: 2)")).cell, [{}], record=record)


def test_a_version_stands_for_the_source(module, tmp_path):
    record = tmp_path / "record"
    marked = "from catapult_sim import cell\n\n@cell(version={})\ndef f(c):\n    return {}\n"
    sweep(module("marked", marked.format(1, 1)).f, [{}], record=record)
    assert sweep(module("marked", marked.format(1, 2)).f, [{}], record=record).known == 1
    with pytest.raises(InputError, match=r"it is of version 1 of marked\.f, .* of version 2$"):
        sweep(module("marked", marked.format(2, 2)).f, [{}], record=record)
    with pytest.raises(InputError, match=r"marked\.f was marked with a version then$"):
        sweep(module("marked", "def f(c):\n    return 1\n").f, [{}], record=record)


def test_a_script_is_known_by_its_file_however_it_is_run(tmp_path):
    source = "from catapult_sim import sweep\n\ndef f(c):\n    return 1\n\n"
    source += 'if __name__ == "__main__":\n    print(sweep(f, [{}], record="record").known)\n'
    (tmp_path / "script.py").write_text(source)
    ways = ["script.py"], ["-m", "script"], [f"{tmp_path}/script.py"]
    ways += (["-c", "import script; print(script.sweep(script.f, [{}], record='record').known)"],)
    run = [
        subprocess.run(
            [sys.executable, *way], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        for way in ways
    ]
    assert [done.stdout for done in run] == ["0\n", "1\n", "1\n", "1\n"]


def test_a_function_without_source_is_known_by_its_code():
    names = []
    for body in ("1", "1", "2"):
        typed = {"__name__": "typed"}
        exec(f"def f(c):\n    return {body}", typed)
        names.append(physics_of(typed["f"]).name)
    assert names[0] == names[1] != names[2]


def test_names_say_module_and_version():
    assert physics_of(draw).name == "tests.sweeps.sweeping.draw/3"
    assert physics_of(square).name.startswith("tests.sweeps.sweeping.square@")


@pytest.mark.parametrize("recorded", ["square/0", "square/2"])
def test_records_without_modules_are_said_to_be_old(recorded):
    said = difference(recorded, "cells.square@12")
    assert said == (
        "it was written when functions had no module in their name; this one is cells.square"
    )
