"""The page in headless Chromium; what is tried there is in the files ``*.test.mjs``."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

import catapult_sim as cs
from tests.page.javascript import HERE, NODE, PACKAGES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
needed = {"node": NODE, "chromium": CHROMIUM, "playwright-core": PACKAGES / "playwright-core"}
needed["axe-core"] = PACKAGES / "axe-core"
missing = [name for name, path in needed.items() if path is None or not os.path.exists(path)]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"{', '.join(missing)} not installed: apt, or npm ci in tests/page"
)


@pytest.fixture(scope="module")
def run_in_browser(tmp_path_factory):
    page = cs.page.write(tmp_path_factory.mktemp("page") / "catapult.html")

    def run(*arguments):
        environment = os.environ | {"PAGE": str(page), "CHROMIUM": CHROMIUM}
        return subprocess.run(
            [NODE, *arguments], cwd=HERE, env=environment, capture_output=True, text=True
        )

    return run


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_page_does_what_it_should(file, run_in_browser):
    found = run_in_browser("--test", "--test-concurrency=1", "--test-reporter=spec", file)
    assert found.returncode == 0, found.stdout[-8000:]


def test_numbers_in_the_browser_are_those_of_numpy(run_in_browser):
    starts = [{"c": c, "n": n, "y": 0, "f": 1} for c in (0.7, 2.2, 2.9) for n in (1e2, 1e6, 1e12)]
    script = f"""
      import {{ close, open }} from "./browser.mjs";
      const found = [];
      await open({{}}, "#scene=3", async (page) => {{
        for (const values of {json.dumps(starts)}) {{
          found.push(await page.evaluate((given) => {{
            const stage = window.CATAPULT.stages[2];
            stage.set(given);
            return stage.run.states.map((state) => [...state]);
          }}, values));
        }}
      }});
      await close();
      console.log(JSON.stringify(found));
    """
    answer = run_in_browser("--input-type=module", "-e", script)
    assert answer.returncode == 0, answer.stderr
    step = cs.symbolic.linear_net.sample_map().numpy()
    for start, found in zip(starts, json.loads(answer.stdout), strict=True):
        states = np.array(found)
        assert len(states) > 5
        expected = step(states[:-1], start["c"] / 2, start["n"])
        assert (abs(states[1:] - expected) <= 1e-12 * (1 + abs(states[:-1]))).all()
