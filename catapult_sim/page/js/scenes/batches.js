// Scene 7c, batches: small steps on minibatches drift along the valley, as the modified loss says.
import { Frame, surface } from "../frame.js";
import { following } from "../lehmer.js";
import { literal } from "../python.js";
import { firstBatch, gradientFlow, modifiedFlow, secondBatch } from "../rules.js";
import { faded } from "../theme.js";
import { few, fixed } from "../words.js";

const EPOCHS = 400;
const START = [2.6, 0.3];
const FAR = 1e3; // out of the picture for good
const SUBSTEPS = 4; // of the flows, in each step of SGD

export const batchesScene = {
  id: "7c",
  derivation: () => "modified-loss",
  start: { eps: 0.08, delta: 0.8, t: EPOCHS, g: "" },
  limits: { eps: [0.005, 0.6], delta: [0, 1], t: [0, EPOCHS] },
  controls: [
    { name: "eps", label: "learning rate η", min: 0.005, max: 0.6, step: 0.005, keeps: true },
    { name: "delta", label: "disagreement δ of the batches", min: 0, max: 1, step: 0.02, keeps: true },
  ],
  run({ eps, delta }) {
    const sgd = shuffled(eps, delta);
    const flow = (field) => along(field, 2 * eps, sgd.length);
    const gradient = flow((s, out) => gradientFlow(s, delta, out));
    const modified = flow((s, out) => modifiedFlow(s, delta, eps, out));
    return { values: { eps, delta }, sgd, gradient, modified, steps: sgd.length - 1 };
  },
  python: ({ eps, delta }, run) =>
    [
      "import sympy as sp",
      "import numpy as np",
      "import catapult_sim as cs",
      "",
      'u, v, delta = sp.symbols("u v delta", real=True)',
      "batches = (u * v - 1 - delta) ** 2 / 2, (u * v - 1 + delta) ** 2 / 2",
      "steps = [cs.Update.descent(loss, [u, v]).numpy() for loss in batches]",
      `w, states, seed = np.array([${START.map(literal).join(", ")}]), [], 1`,
      `for _ in range(${run.steps}):  # a coin decides which batch is first`,
      "    seed = 48271 * seed % (2**31 - 1)",
      "    for step in steps if seed % 2 else steps[::-1]:",
      `        w = step(w, ${literal(eps)}, ${literal(delta)})`,
      "    states.append(w)",
      'print(cs.modified_loss(batches, [u, v], sp.Symbol("eps", positive=True)))',
      "print(states[-1])",
    ].join("\n"),
  guess: {
    question: "Two minibatches disagree about the label. Their mean loss has a whole valley of minima, uv = 1, all equally good. Once in the valley, SGD",
    kind: "choice",
    options: { rest: "stays where it arrived", noise: "wanders at random", flat: "drifts to where the valley is flattest" },
    answer(choice) {
      const { sgd } = batchesScene.run(batchesScene.start);
      const size = ([u, v]) => u * u + v * v;
      const [early, late] = [size(sgd[20]), size(sgd.at(-1))];
      const truth = late < 0.97 * early ? "flat" : "rest";
      return `${choice === truth ? "Yes" : "No"}: after 20 epochs λ = u² + v² was ${few(early)}, after ${sgd.length - 1} it is ${few(late)}; the flattest place of the valley has 2.`;
    },
  },
  draw(canvas, run, t) {
    const sheet = surface(canvas);
    const { wide, high, colours } = sheet;
    const beside = wide > 620;
    const frame = new Frame(sheet, { x: [0.6, 3], y: [0.1, 1.5], box: beside ? [0, 0, wide * 0.62, high] : [0, 0, wide, high * 0.6], left: 54 });
    valley(frame);
    frame.axes({ xlabel: "u", ylabel: "v" });
    const shown = (list) => list.slice(0, t + 1).map((s) => [s[0], s[1]]);
    frame.inside(() => {
      frame.line(shown(run.gradient), colours["lazy-ink"], { width: 2.2, dash: [2, 4] });
      frame.line(shown(run.modified), colours["divergent-ink"], { width: 2.4, dash: [8, 4] });
      frame.line(shown(run.sgd), faded(colours["catapult-line"], 0.55), { width: 1 });
      for (const s of run.sgd.slice(0, t + 1)) frame.dot(s[0], s[1], 1.9, colours["catapult-line"]);
      frame.dot(...run.gradient[t], 6, colours["lazy-ink"], colours.card);
      frame.dot(...run.modified[t], 6, colours["divergent-ink"], colours.card);
      frame.dot(...run.sgd[t], 7, colours["catapult-line"], colours.card);
    });
    legend(frame);
    drawGaps(sheet, run, t, beside ? [wide * 0.62, 0, wide * 0.38, high] : [0, high * 0.6, wide, high * 0.4]);
  },
  numbers(run, t) {
    const [u, v] = run.sgd[t];
    return [
      ["epoch", String(t)],
      ["λ = u² + v²", few(u * u + v * v)],
      ["SGD to flow", apart(run.sgd[t], run.gradient[t])],
      ["SGD to modified flow", apart(run.sgd[t], run.modified[t])],
    ];
  },
  say(run, t) {
    const { eps } = run.values;
    const [u, v] = run.sgd[t];
    if (!(Math.hypot(u, v) < FAR)) return `η = ${few(eps)} is too large for SGD here: it has left the picture, and no flow knows why.`;
    const [plain, better] = [gap(run.sgd[t], run.gradient[t]), gap(run.sgd[t], run.modified[t])];
    const drift = `Epoch ${t}: SGD is at λ = ${fixed(u * u + v * v)}.`;
    if (t === 0) return `${drift} All three start together.`;
    if (better < plain / 2) return `${drift} The flow of the modified loss is ${few(plain / better, 2)} times closer to it than gradient flow.`;
    if (better < plain) return `${drift} The flow of the modified loss is only a little closer to it than gradient flow.`;
    return `${drift} The modified loss is no better than the loss here: η = ${few(eps)} is beyond what its first order can follow.`;
  },
};

/** Say how far two states are apart, of which one may have left every scale. */
function apart(one, other) {
  const distance = gap(one, other);
  return distance < FAR ? few(distance) : "∞";
}

function gap([a, b], [c, d]) {
  return Math.hypot(a - c, b - d);
}

/** Return SGD's state after each epoch; a Lehmer generator decides which batch is first. */
function shuffled(eps, delta) {
  const state = Float64Array.from(START);
  const states = [Float64Array.from(state)];
  let seed = 1;
  for (let epoch = 0; epoch < EPOCHS && Math.hypot(...state) < FAR; epoch++) {
    seed = following(seed);
    for (const step of seed % 2 ? [firstBatch, secondBatch] : [secondBatch, firstBatch]) step(state, eps, delta);
    states.push(Float64Array.from(state));
  }
  return states;
}

/** Follow a field for a time per epoch by the method of Runge and Kutta. */
function along(field, time, count) {
  const states = [Float64Array.from(START)];
  const h = time / SUBSTEPS;
  while (states.length < count) {
    const state = Float64Array.from(states.at(-1));
    for (let k = 0; k < SUBSTEPS; k++) rungeKutta(field, state, h);
    states.push(state);
  }
  return states;
}

const [slope, middle, mean] = [new Float64Array(2), new Float64Array(2), new Float64Array(2)];
const STAGES = [[0, 1 / 6], [0.5, 1 / 3], [0.5, 1 / 3], [1, 1 / 6]]; // where slopes are taken, and their weights

/** Move a state by a time h, to fourth order. */
function rungeKutta(field, state, h) {
  mean.fill(0);
  for (const [part, weight] of STAGES) {
    for (let i = 0; i < 2; i++) middle[i] = state[i] + (part && part * h * slope[i]);
    field(middle, slope);
    for (let i = 0; i < 2; i++) mean[i] += weight * slope[i];
  }
  for (let i = 0; i < 2; i++) state[i] += h * mean[i];
}

function valley(frame) {
  const { colours } = frame;
  const hyperbola = (level) => Array.from({ length: 90 }, (_, k) => level / 2.5 * (3.3 * 2.5 / level) ** (k / 89)).map((x) => [x, level / x]);
  frame.inside(() => {
    for (const level of [0.15, 0.35, 0.6, 1.45, 2, 2.7, 3.6]) frame.line(hyperbola(level), faded(colours.soft, 0.3), { width: 1 });
    frame.line(hyperbola(1), faded(colours["lazy-line"], 0.28), { width: 11 });
    frame.rule(frame.X(0), frame.Y(0), frame.X(2.4), frame.Y(2.4), faded(colours.soft, 0.5), { dash: [2, 4] });
    frame.letters("flattest", frame.X(1.05), frame.Y(0.84), { italic: true, size: 12.5, halo: true });
    frame.letters("uv = 1", frame.X(2.62), frame.Y(0.5), { italic: true, size: 12.5, halo: true });
  });
}

function legend(frame) {
  const { colours } = frame;
  const rows = [["SGD, once an epoch", colours["catapult-ink"]], ["flow of the modified loss", colours["divergent-ink"]], ["gradient flow", colours["lazy-ink"]]];
  rows.forEach(([words, colour], i) => frame.letters(words, frame.right - 12, frame.top + (24 + 19 * i) * frame.scale, { align: "right", colour, halo: true }));
}

function drawGaps(sheet, run, t, box) {
  const { colours } = sheet;
  const logs = (list) => list.map((s, k) => [k, Math.log10(gap(s, run.sgd[k]) || NaN)]);
  const frame = new Frame(sheet, { x: [0, Math.max(run.steps, 10)], y: [-4.2, 0.7], box, left: 60 });
  frame.axes({ xlabel: "epoch", ylabel: "distance from SGD", logy: true });
  frame.inside(() => {
    frame.line(logs(run.gradient), colours["lazy-ink"], { width: 1.8, dash: [2, 3] });
    frame.line(logs(run.modified), colours["divergent-ink"], { width: 1.8, dash: [8, 4] });
    frame.rule(frame.X(t), frame.top, frame.X(t), frame.bottom, faded(colours.soft, 0.5));
  });
}
