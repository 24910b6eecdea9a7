"""Run the page's JavaScript modules in node, and compare what they answer."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from catapult_sim.page.document import scripts

HERE = Path(__file__).parent
NODE = shutil.which("node")
PACKAGES = HERE / "node_modules"

needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def needs_package(name):
    missing = NODE is None or not (PACKAGES / name).is_dir()
    reason = f"{name} is not installed: run npm ci in tests/page"
    return pytest.mark.skipif(missing, reason=reason)


def written(folder):
    """Write all modules into a folder, and return it."""
    for path, source in scripts().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(source, encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def answers(modules, script, data):
    """Return what a script gives back; it sees ``data``, and may import from the modules.

    JSON has no infinity and no not-a-number: they travel as words.
    """
    source = f"""
      import {{ readFileSync }} from "node:fs";
      const words = {{ Infinity, "-Infinity": -Infinity, NaN }};
      const data = JSON.parse(readFileSync(0, "utf8"), (_, x) => (x in words ? words[x] : x));
      {script}
      const plain = (_, x) =>
        typeof x === "number" && !Number.isFinite(x) ? String(x)
        : ArrayBuffer.isView(x) ? Array.from(x) : x;
      console.log(JSON.stringify(await answer(data), plain));
    """
    path = modules / f"script-{os.getpid()}-{abs(hash(script))}.mjs"
    path.write_text(source, encoding="utf-8")
    found = subprocess.run(
        [NODE, path], input=json.dumps(as_words(data)), capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    return as_numbers(json.loads(found.stdout))


WORDS = {"Infinity": float("inf"), "-Infinity": -float("inf"), "NaN": float("nan")}


def as_words(data):
    if isinstance(data, dict):
        return {name: as_words(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [as_words(value) for value in data]
    return "Infinity" if data == float("inf") else data


def as_numbers(data):
    if isinstance(data, dict):
        return {name: as_numbers(value) for name, value in data.items()}
    if isinstance(data, list):
        return [as_numbers(value) for value in data]
    return WORDS.get(data, data) if isinstance(data, str) else data
