"""Modules as one script: run once each, in order, and refused where that cannot be."""

import subprocess

import pytest

from catapult_sim import InputError
from catapult_sim.page.bundle import bundle
from tests.page.javascript import NODE, needs_node

MODULES = {
    "main.js": 'import { sum } from "./parts/sum.js";\nimport { one } from "./one.js";\n'
    "console.log(sum(one, 2));\n",
    "parts/sum.js": 'import { one } from "../one.js";\n'
    "/** Not\n * written. */\nconst hidden = one; /** Kept. */\n"
    "export function sum(a, b) {\n  return a + b + hidden - 1;\n}\n",
    "one.js": 'console.log("once");\nexport const one = 1;\nexport class Unused {}\n',
}


@needs_node
def test_a_bundle_does_what_its_modules_do():
    (script,) = bundle(MODULES, "main.js")
    assert (
        subprocess.run([NODE, "-e", script], capture_output=True, text=True).stdout == "once\n3\n"
    )


@needs_node
def test_what_two_modules_need_is_written_once_and_runs_before_each():
    modules = MODULES | {"other.js": 'import { one } from "./one.js";\nconsole.log(-one);\n'}
    shared, main, other = bundle(modules, "main.js", "other.js")
    assert [shared.count('"once"'), main.count('"once"'), other.count('"once"')] == [1, 0, 0]
    for script, words in ((main, "once\n3\n"), (other, "once\n-1\n")):
        found = subprocess.run([NODE, "-e", shared + script], capture_output=True, text=True)
        assert found.stdout == words


def test_names_of_one_module_are_not_seen_by_others():
    assert "hidden" not in bundle(MODULES, "main.js")[0].split('modules["main.js"]')[1]


def test_comments_that_document_are_left_out():
    (script,) = bundle(MODULES, "main.js")
    assert "written" not in script
    assert "const hidden = one; /** Kept. */\n" in script


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('import { a } from "./missing.js";\n', "a module that there is not"),
        ('import { a } from "./main.js";\n', "in a circle"),
        ('import * as a from "./one.js";\n', r"import \* as a"),
        ('import one from "./one.js";\n', "import one"),
        ('import { a as b } from "./one.js";\n', "a as b"),
        ('import { Unused, two } from "./one.js";\n', "does not export two"),
    ],
)
def test_what_cannot_be_bundled_is_refused(source, words):
    with pytest.raises(InputError, match=words):
        bundle(MODULES | {"main.js": source}, "main.js")
