// The scene of chance: runs are counted beside the page, and each can be looked at.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, open, seen } from "./browser.mjs";

after(close);
const section = (page, scene) => page.locator(`#scene-${scene}`);

test("chance: more runs are counted beside the page, wider networks are thrown more rarely", async () => {
  const wrong = await open({}, "#scene=7e&runs=1000", async (page) => {
    const count = async () => {
      const { numbers } = await seen(page, "7e");
      return /thrown([\d ]+) of ([\d ]+?)θ/.exec(numbers).slice(1).map((one) => Number(one.replaceAll(" ", "")));
    };
    const [first, all] = await count();
    assert.equal(all, 1000);
    await page.locator("label[for=scene-7e-runs-10000]").click();
    const [more, asked] = await count();
    assert.ok(asked === 10000 && more > first, `${more} of ${asked}`);
    await section(page, "7e").locator("#scene-7e-n").fill("7");
    assert.ok((await count())[0] < more / 3);
    const shown = async () => Number(/Run ([\d ]+) (is thrown|keeps)/.exec((await seen(page, "7e")).say)[1].replaceAll(" ", ""));
    await section(page, "7e").locator("#scene-7e-n").fill("5");
    const before = await shown();
    await section(page, "7e").locator("#scene-7e-k").fill("3");
    assert.ok((await shown()) > before);
    await page.locator("label[for=scene-7e-kind-kept]").click();
    assert.match((await seen(page, "7e")).say, /Run \d+ keeps its kernel/);
  });
  assert.deepEqual(wrong, []);
});
