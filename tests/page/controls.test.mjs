// Each control changes what it should, in words, numbers and pixels.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, open, SCENES, seen, settle, visit } from "./browser.mjs";

after(close);
const section = (page, scene) => page.locator(`#scene-${scene}`);

test("every scene shows itself, and nothing is complained of or asked for", async () => {
  const wrong = await open({}, "", async (page) => {
    for (const scene of SCENES) {
      await visit(page, `#scene=${scene}`);
      const { say, numbers, drawn } = await seen(page, scene);
      assert.ok(say.length > 20 && numbers.length > 10 && drawn > 5000, `scene ${scene}: ${say}`);
      assert.doesNotMatch(say + numbers, /NaN|undefined|null|Infinity/, `scene ${scene}`);
    }
  });
  assert.deepEqual(wrong, []);
});

test("every slider and every choice changes what is seen", async () => {
  const wrong = await open({}, "#scene=1", async (page) => {
    for (const scene of SCENES) {
      await visit(page, `#scene=${scene}`);
      await section(page, scene).getByRole("button", { name: "Just show me" }).click();
      const inputs = section(page, scene).locator(".controls input");
      for (let i = 0; i < (await inputs.count()); i++) {
        const input = inputs.nth(i);
        const before = await seen(page, scene);
        const type = await input.getAttribute("type");
        if (type === "radio" && (await input.isChecked())) continue;
        const name = await input.getAttribute("name");
        const id = await input.getAttribute("id");
        if (id === "scene-7e-runs-1000000") continue; // as the other counts, but of twenty seconds
        if (type === "radio") await page.locator(`label[for=${id}]`).click();
        else await input.evaluate((node) => {
          const middle = (Number(node.min) + Number(node.max)) / 2;
          node.value = Number(node.value) > middle ? middle - 0.2 * (node.max - node.min) : middle + 0.2 * (node.max - node.min);
          node.dispatchEvent(new Event("input", { bubbles: true }));
        });
        const changed = await seen(page, scene);
        assert.notEqual(changed.pixels, before.pixels, `pixels, scene ${scene}, ${name}`);
        assert.notEqual(changed.say + changed.numbers, before.say + before.numbers, `words, scene ${scene}, ${name}`);
        await section(page, scene).getByRole("button", { name: "Reset" }).click();
        const reset = await seen(page, scene);
        assert.equal(reset.pixels, before.pixels, `reset, scene ${scene}, ${name}`);
      }
    }
  });
  assert.deepEqual(wrong, []);
});

test("steps: buttons, scrubber and keys", async () => {
  const wrong = await open({}, "#scene=3&t=5", async (page) => {
    const at = async () => (await seen(page, "3")).t;
    assert.equal(await at(), 5);
    await section(page, "3").getByRole("button", { name: "one step", exact: true }).click();
    assert.equal(await at(), 6);
    await section(page, "3").getByRole("button", { name: "one step back" }).click();
    assert.equal(await at(), 5);
    await page.mouse.click(5, 300);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await at(), 6);
    await section(page, "3").locator(".scrubber input").fill("11");
    assert.equal(await at(), 11);
    await page.mouse.click(5, 300);
    await page.keyboard.press("Space");
    await page.waitForFunction(() => window.CATAPULT.stages[2].t > 13);
    await page.keyboard.press("Space");
    const held = await at();
    await page.waitForTimeout(400);
    assert.equal(await at(), held);
  });
  assert.deepEqual(wrong, []);
});

test("the address restores what was seen", async () => {
  const hashes = {};
  const shown = {};
  const wrong = await open({}, "#scene=1", async (page) => {
    for (const scene of SCENES) {
      await visit(page, `#scene=${scene}`);
      const sliders = section(page, scene).locator(".controls input[type=range]");
      await sliders.first().evaluate((node) => {
        node.value = Number(node.min) + 0.37 * (node.max - node.min);
        node.dispatchEvent(new Event("input", { bubbles: true }));
      });
      await settle(page, scene);
      await section(page, scene).getByRole("button", { name: "one step", exact: true }).click();
      shown[scene] = await seen(page, scene);
      await page.waitForTimeout(600);
      hashes[scene] = new URL(page.url()).hash;
    }
  });
  for (const scene of SCENES) {
    assert.match(hashes[scene], new RegExp(`^#scene=${scene}&`));
    wrong.push(...(await open({}, hashes[scene], async (page) => {
      assert.deepEqual(await seen(page, scene), shown[scene], hashes[scene]);
    })));
  }
  assert.deepEqual(wrong, []);
});

test("an address that is no address shows the page as it starts", async () => {
  for (const hash of ["#scene=99", "#scene=3&c=apple&n=&t=-5", "#scene=3&c=1e999&n=inf", "#%", "#scene=6&activation=evil"]) {
    const wrong = await open({}, hash, async (page) => {
      const { say } = await seen(page, "3");
      assert.doesNotMatch(say, /NaN|undefined/);
    });
    assert.deepEqual(wrong, [], hash);
  }
});

test("a scene asks first: nothing else on the screen answers its question", async () => {
  for (const present of ["", "&present"]) {
    const wrong = await open({}, "", async (page) => {
      for (const scene of SCENES) {
        await visit(page, `#scene=${scene}${present}`);
        const visible = (what) => section(page, scene).locator(what).isVisible();
        const blurred = () => section(page, scene).locator("canvas").evaluate((node) => getComputedStyle(node).filter);
        assert.match((await seen(page, scene)).say, /^Guess first/, scene);
        assert.match(await section(page, scene).locator("canvas").getAttribute("aria-label"), /^Guess first/);
        assert.deepEqual([await visible(".question"), await visible(".after"), await visible(".numbers")], [true, false, false]);
        assert.match(await blurred(), /blur/);
        if (present) await page.keyboard.press("PageDown");
        else await section(page, scene).getByRole("button", { name: "Just show me" }).click();
        assert.deepEqual([await visible(".after"), await visible(".numbers"), await blurred()], [true, true, "none"]);
        assert.doesNotMatch((await seen(page, scene)).say, /Guess first/);
      }
    });
    assert.deepEqual(wrong, []);
  }
});

test("an address that sets a state answers no question, and asks none", async () => {
  const wrong = await open({}, "#scene=3&c=3.2&t=12&present", async (page) => {
    assert.match((await seen(page, "3")).say, /After 12 steps/);
    assert.equal(await section(page, "3").locator(".question").isVisible(), false);
    await visit(page, "#scene=4&present");
    assert.equal(await section(page, "4").locator(".question").isVisible(), true);
  });
  assert.deepEqual(wrong, []);
});

test("who uses the picture has seen it; its explanation still waits", async () => {
  const wrong = await open({}, "#scene=3", async (page) => {
    await section(page, "3").getByRole("button", { name: "one step", exact: true }).click();
    assert.match((await seen(page, "3")).say, /After 1 step the loss has grown 4-fold/);
    assert.equal(await section(page, "3").locator(".after").isVisible(), false);
  });
  assert.deepEqual(wrong, []);
});

test("formulas are not broken over lines", async () => {
  const wrong = await open({}, "", async (page) => {
    const loose = await page.evaluate(() => {
      const texts = [...document.querySelectorAll("header, .text, .say")].map((one) => one.textContent);
      return texts.flatMap((one) => one.match(/.{5}(?: [=<>≤≥+−×] |\/[λη]).{5}/g) ?? []);
    });
    assert.deepEqual(loose, []);
  });
  assert.deepEqual(wrong, []);
});

test("a scene asks first: its explanation waits for the guess", async () => {
  const wrong = await open({}, "#scene=3", async (page) => {
    const told = section(page, "3").locator(".after");
    assert.equal(await told.isVisible(), false);
    await section(page, "3").locator(".guess input").fill("5.3");
    await section(page, "3").getByRole("button", { name: "Check my guess" }).click();
    assert.equal(await told.isVisible(), true);
    assert.match(await section(page, "3").locator(".answer").textContent(), /as large as 184.*Very close/);
    await visit(page, "#scene=5");
    const inputs = section(page, "5").locator(".guess input");
    await inputs.nth(0).fill("2.5");
    await inputs.nth(1).fill("3.5");
    await section(page, "5").getByRole("button", { name: "Check my guess" }).click();
    assert.match(await section(page, "5").locator(".answer").textContent(), /2\.0000.* and 4\.0000.*you were 0\.50 and 0\.50 off/);
    await visit(page, "#scene=1");
    assert.equal(await section(page, "1").locator(".after").isVisible(), false);
    await section(page, "1").getByRole("button", { name: "Just show me" }).click();
    assert.equal(await section(page, "1").locator(".after").isVisible(), true);
  });
  assert.deepEqual(wrong, []);
});

test("sentences follow the state", async () => {
  const cases = {
    "#scene=3&c=1": /Lazy/,
    "#scene=3&c=3": /Catapult: the loss grows 370 000-fold up to step 10/,
    "#scene=3&c=4.2": /Divergent.*above 4,/,
    "#scene=3&c=4.05&n=100&y=-6&f=10": /Divergent.*above the edge 4 \+ YD/,
    "#scene=4&n=inf&c=3": /never bends.*by 4, for ever/,
    "#scene=1&eta=2": /flips between two points for ever/,
    "#scene=7a&Y=1.1&F=0.6&Lam=1.5": /never settles|period 2/,
    "#scene=7b&beta=0&c=4.2": /Divergent/,
    "#scene=7c&eps=0.5": /no better|too large/,
    "#scene=7e&c=0.95&runs=1000": /Of 1000 runs \d+ are thrown off their kernel, one in .* A hundred times wider/,
    "#scene=7e&c=0.5&n=1e8&runs=1000": /Of 1000 runs none is thrown.*less than one in 333/,
    "#scene=7e&c=1.2&runs=1000": /errors grow typically/,
  };
  for (const [hash, words] of Object.entries(cases)) {
    const wrong = await open({}, hash, async (page) => {
      const scene = /scene=(\w+)/.exec(hash)[1];
      assert.match((await seen(page, scene)).say, words, hash);
    });
    assert.deepEqual(wrong, [], hash);
  }
});

test("the term of the formula glows with its sign", async () => {
  const wrong = await open({}, "#scene=3&c=3&t=9", async (page) => {
    const balance = section(page, "3").locator(".balance");
    const size = () => balance.evaluate((node) => Number(node.style.getPropertyValue("--size")));
    assert.equal(await balance.getAttribute("data-falls"), "true");
    assert.ok((await size()) > 0.5);
    await visit(page, "#scene=3&c=3&t=1");
    await page.waitForTimeout(100);
    assert.ok((await size()) < 0.1);
    await visit(page, "#scene=3&c=4.3&t=8");
    await page.waitForTimeout(100);
    assert.equal(await balance.getAttribute("data-falls"), "false");
    await visit(page, "#scene=3&y=2&n=100");
    await page.waitForTimeout(100);
    assert.ok(await balance.locator("#labelled-sample-map-lam").isVisible());
  });
  assert.deepEqual(wrong, []);
});

test("the map: hovering shows a run, the wheel zooms, a click keeps, 0 returns", async () => {
  const wrong = await open({}, "#scene=5&c=3.1", async (page) => {
    const before = await seen(page, "5");
    const spot = await page.evaluate(() => {
      const { frame, canvas } = window.CATAPULT.stages[4];
      const box = canvas.getBoundingClientRect();
      return [box.left + frame.X(2.5), box.top + frame.Y(8)];
    });
    await page.mouse.move(...spot);
    await page.waitForTimeout(200);
    const hovered = await seen(page, "5");
    assert.match(hovered.say, /c = 2\.50.*width (10⁸|1\.0|9\.9)/);
    assert.deepEqual(hovered.values, before.values);
    await page.mouse.click(...spot);
    const kept = await seen(page, "5");
    assert.ok(Math.abs(kept.values.c - 2.5) < 0.02);
    await page.mouse.wheel(0, -300);
    const zoomed = await seen(page, "5");
    assert.ok(zoomed.values.x1 - zoomed.values.x0 < 4);
    assert.ok(zoomed.values.x0 < 2.5 && zoomed.values.x1 > 2.5);
    assert.notEqual(zoomed.pixels, kept.pixels);
    await page.keyboard.press("Tab");
    await page.locator("#scene-5 canvas").focus();
    await page.keyboard.press("0");
    assert.equal((await seen(page, "5")).values.x1, 4.6);
  });
  assert.deepEqual(wrong, []);
});

test("the map: the wheel scrolls the page until the map was chosen", async () => {
  const wrong = await open({}, "#scene=5&c=3.1", async (page) => {
    const { values } = await seen(page, "5");
    const scrolled = () => page.evaluate(() => scrollY);
    const [box, from] = [await section(page, "5").locator("canvas").boundingBox(), await scrolled()];
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
    await page.mouse.wheel(0, 200);
    await page.waitForFunction((y) => scrollY > y + 50, from);
    assert.deepEqual((await seen(page, "5")).values, values);
  });
  assert.deepEqual(wrong, []);
});

test("the map: two fingers zoom, and the points under them stay under them", async () => {
  const wrong = await open({ hasTouch: true, viewport: { width: 390, height: 844 } }, "#scene=5&c=3.1", async (page) => {
    await section(page, "5").locator("canvas").scrollIntoViewIfNeeded();
    await seen(page, "5");
    const at = (c, logn) => page.evaluate(([x, y]) => {
      const { frame, canvas } = window.CATAPULT.stages[4];
      const box = canvas.getBoundingClientRect();
      return { x: box.left + frame.X(x), y: box.top + frame.Y(y) };
    }, [c, logn]);
    const fingers = [await at(2.2, 6), await at(3, 8)];
    const middle = { x: (fingers[0].x + fingers[1].x) / 2, y: (fingers[0].y + fingers[1].y) / 2 };
    const apart = (scale) => fingers.map(({ x, y }, id) => ({ id, x: middle.x + scale * (x - middle.x) + 9, y: middle.y + scale * (y - middle.y) }));
    const client = await page.context().newCDPSession(page);
    const touch = (type, touchPoints) => client.send("Input.dispatchTouchEvent", { type, touchPoints });
    const scrolled = await page.evaluate(() => scrollY);
    await touch("touchStart", fingers.map((one, id) => ({ ...one, id })));
    for (const scale of [1.2, 1.6, 2]) await touch("touchMove", apart(scale));
    await touch("touchEnd", []);
    const { values } = await seen(page, "5");
    assert.ok(Math.abs((values.x1 - values.x0) / 4.6 - 0.5) < 0.02, JSON.stringify(values));
    const [one, other] = [await at(2.2, 6), await at(3, 8)];
    for (const [found, meant] of [[one, apart(2)[0]], [other, apart(2)[1]]]) {
      assert.ok(Math.hypot(found.x - meant.x, found.y - meant.y) < 3, JSON.stringify([found, meant]));
    }
    assert.deepEqual([values.c, values.t], [3.1, 0]);
    assert.equal(await page.evaluate(() => scrollY), scrolled);
  });
  assert.deepEqual(wrong, []);
});

test("two weights: the start is dragged", async () => {
  const wrong = await open({}, "#scene=2", async (page) => {
    await seen(page, "2");
    const place = (u, v) => page.evaluate(([x, y]) => {
      const { frame, canvas } = window.CATAPULT.stages[1];
      const box = canvas.getBoundingClientRect();
      return [box.left + frame.X(x), box.top + frame.Y(y)];
    }, [u, v]);
    await page.mouse.move(...(await place(0.05, 2)));
    await page.mouse.down();
    await page.mouse.move(...(await place(1, -1.5)));
    await page.mouse.up();
    const { values } = await seen(page, "2");
    assert.ok(Math.abs(values.u - 1) < 0.05 && Math.abs(values.v + 1.5) < 0.05);
  });
  assert.deepEqual(wrong, []);
});

test("copy as Python and show the derivation open beneath the picture", async () => {
  const wrong = await open({ permissions: ["clipboard-read", "clipboard-write"] }, "#scene=3&c=2.5", async (page) => {
    await section(page, "3").getByRole("button", { name: "Copy as Python" }).click();
    assert.match(await section(page, "3").locator(".python").textContent(), /learning_rate=1\.25, n=1000000\.0/);
    await section(page, "3").getByRole("button", { name: "Show the derivation" }).click();
    const proof = section(page, "3").locator(".proof");
    await proof.locator("li").first().waitFor();
    assert.match(await proof.textContent(), /one step of gradient descent/);
    const steps = await proof.locator("li").count();
    await section(page, "3").locator("#scene-3-y").fill("2");
    await page.waitForTimeout(200);
    assert.equal(await proof.getAttribute("data-rule"), "labelled-sample-map");
    assert.ok(steps >= 8 && (await proof.locator("math").count()) > steps);
  });
  assert.deepEqual(wrong, []);
});
