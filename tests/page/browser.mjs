// The page in a real browser, for the tests beside this file.
import { createHash } from "node:crypto";
import { chromium } from "playwright-core";

export const SCENES = ["1", "2", "3", "4", "5", "6", "7a", "7b", "7c", "7d", "7e"];
const ADDRESS = `file://${process.env.PAGE}`;

let browser = null;

/** Close the browser, if it was opened. */
export async function close() {
  await browser?.close();
  browser = null;
}

/** Open the page, call a function with it, and return what went wrong besides: nothing may. */
export async function open(options, hash, use) {
  const args = ["--no-sandbox", "--disable-gpu"];
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  const wrong = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  try {
    const page = await context.newPage();
    page.on("console", (one) => ["error", "warning"].includes(one.type()) && wrong.push(one.text()));
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("request", (one) => {
      const local = one.url().startsWith(ADDRESS) || /^(blob|data):/.test(one.url());
      if (!local) wrong.push(`asks for ${one.url()}`);
    });
    await page.goto(ADDRESS + hash);
    await page.waitForFunction(() => window.CATAPULT?.stages);
    await use(page);
  } finally {
    await context.close();
  }
  return wrong;
}

/** Return what a scene shows: its words, its numbers, its pixels. */
export async function seen(page, scene) {
  await settle(page, scene);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const found = await page.evaluate((id) => {
    const stage = window.CATAPULT.stages.find((one) => one.scene.id === id);
    stage.draw();
    return {
      say: stage.section.querySelector(".say").textContent.replaceAll("\u00a0", " ").replaceAll("\u2060", ""),
      numbers: stage.section.querySelector(".numbers").textContent,
      pixels: stage.canvas.toDataURL(),
      values: { ...stage.values },
      t: stage.t,
    };
  }, scene);
  const digest = createHash("sha256").update(found.pixels).digest("hex");
  return { ...found, pixels: digest, drawn: found.pixels.length };
}

/** Wait until a scene has drawn what it was asked for: its fine map, its whole run. */
export async function settle(page, scene) {
  await page.waitForFunction((id) => {
    const stage = window.CATAPULT.stages.find((one) => one.scene.id === id);
    const drawn = !stage.atlas || (stage.atlas.ready && !stage.waiting);
    return drawn && !stage.run.live;
  }, scene, { timeout: 180_000 });
}

/** Go to a scene as a reader does, by its address. */
export async function visit(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.waitForTimeout(150);
}
