// Scene 7e, chance: the same network at the same rate, but of many runs a few are thrown off their kernel.
import { Frame, surface } from "../frame.js";
import { worker } from "../helper.js";
import { literal } from "../python.js";
import { countOn, newCount, rate, replay, STEPS } from "../rare.js";
import { remembered } from "../run.js";
import { tailExponent } from "../tail.js";
import { faded } from "../theme.js";
import { few, fixed, width } from "../words.js";

const WIDTHS = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
const RUNS = { 1000: "10³", 10000: "10⁴", 100000: "10⁵", 1000000: "10⁶" };
const CROWD = 20; // runs that are drawn behind the one that is shown
const FIRST = 2000; // runs that are counted at once where nobody waits for the worker

export const rareScene = {
  id: "7e",
  live: true,
  derivation: () => "closure",
  start: { c: 0.95, n: 1e5, runs: "10000", kind: "thrown", k: 1, t: STEPS, g: "" },
  limits: { c: [0.5, 1.5], n: [1e2, 1e8], runs: Object.keys(RUNS), kind: ["thrown", "kept"], k: [1, 12], t: [0, STEPS] },
  controls: [
    { name: "c", label: "rate c = ηλ₀", min: 0.5, max: 1.5, step: 0.01, keeps: true, show: fixed },
    { name: "n", label: "width n", min: 2, max: 8, step: 1, log: true, show: width, keeps: true },
    { name: "runs", label: "runs", options: RUNS, keeps: true },
    { name: "kind", label: "show", options: { thrown: "one thrown", kept: "one not" }, keeps: true },
    { name: "k", label: "which of them", min: 1, max: 12, step: 1, keeps: true },
  ],
  setup(stage) {
    Object.assign(stage, { asked: "", id: 0, count: newCount({ c: 1, widths: [1], runs: 1 }), tail: NaN });
    stage.replay = remembered(({ index, ...values }) => replay(values, index));
    stage.crowd = remembered((values) => Array.from({ length: CROWD }, (_, index) => replay(values, index)));
    worker.listen("rare", ({ id, count, tail }) => {
      if (id !== stage.id) return;
      Object.assign(stage, { count, tail });
      stage.redraw();
      if (!counting(stage)) stage.told(stage, false);
    });
  },
  /** A run, and the count so far of those that are thrown. */
  run({ c, n, runs, kind, k }, stage) {
    const values = { c, n: Math.round(n) };
    if (stage.seen) ask(stage, values, Number(runs));
    const { count, tail } = stage;
    const list = count.examples[kind];
    const one = stage.replay({ ...values, index: list[Math.min(k, list.length) - 1] ?? 0 });
    return { ...one, values, count, tail, crowd: stage.crowd(values), steps: STEPS, live: counting(stage) };
  },
  /** Stop counting, with some runs at least: a printer does not wait. */
  finish(stage) {
    const { c, n, runs } = stage.values;
    if (stage.count.counted[0] === 0) stage.count = countOn(newCount({ c, widths: widthsWith(Math.round(n)), runs: FIRST }), FIRST);
    stage.count.runs = stage.count.counted[0];
    Object.assign(stage, { asked: keyOf({ c, n, runs }), id: stage.id + 1, tail: tailExponent(rate(c)) });
  },
  /** Let the count be asked for again. */
  restart(stage) {
    stage.asked = "";
  },
  python: ({ c, n }, { index, eta }) =>
    [
      "import numpy as np",
      "import catapult_sim as cs",
      "",
      "angles, lengths = np.pi * np.arange(6) / 6 + 0.1, np.linspace(0.5, 1.5, 6)[:, None]",
      "X = lengths * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # six samples, labels 0",
      `net = cs.LinearNet(X, np.zeros(6), width=${Math.round(n)})`,
      "start = [[1, 0, 1], [0, 1, 1], [1, 1, 1]]  # U^T U / n, U^T V / sqrt(n), V^T V / n",
      `first, prime = ${STEPS * index} + 1, 2**31 - 1  # the random numbers of run ${index}`,
      `numbers = [pow(48271, k, prime) for k in range(first, first + ${STEPS})]`,
      "batches = [[6 * number // prime] for number in numbers]",
      `run = net.train(learning_rate=${literal(eta)}, steps=${STEPS}, state=start, batches=batches,`,
      `                observe="top_eigenvalue")  # c = ${c}`,
      'print(run.values["loss"], run.values["top_eigenvalue"])',
    ].join("\n"),
  guess: {
    question: "SGD on one sample at a time, at c = 0.95: less than half of what the textbook allows for all samples at once. Thousands of copies of one network start at the same weights; only the order of samples is drawn. How many are thrown off their kernel?",
    kind: "choice",
    options: { none: "none", few: "a few", half: "about half", all: "all" },
    answer(choice) {
      const { c, n } = rareScene.start;
      const [gone] = countOn(newCount({ c, widths: [n], runs: FIRST }), FIRST).thrown;
      const truth = gone === 0 ? "none" : gone < 0.2 * FIRST ? "few" : gone < 0.8 * FIRST ? "half" : "all";
      return `${choice === truth ? "Yes" : "No"}: of the first ${few(FIRST)} runs at width ${width(n)}, ${few(gone)} are.`;
    },
  },
  draw(canvas, run, t, values, stage) {
    if (!stage.seen) {
      stage.seen = true;
      stage.redraw();
    }
    const sheet = surface(canvas);
    const { wide, high } = sheet;
    const beside = wide > 620;
    const [w, h] = beside ? [wide * 0.6, high] : [wide, high * 0.64];
    drawErrors(sheet, run, t, [0, 0, w, h * 0.58]);
    drawKernels(sheet, run, t, [0, h * 0.58, w, h * 0.42]);
    drawShares(sheet, run, beside ? [w, 0, wide - w, high] : [0, h, wide, high - h]);
  },
  numbers: ({ count, tail, ...run }, t) => [
    ["step", String(t)],
    ["sample drawn", t ? String(run.order[t - 1] + 1) : "–"],
    ["error √(2 loss)", few(error(run, t))],
    ["ηλ", few(run.eta * run.curvature[t])],
    ["thrown", `${few(count.thrown[0])} of ${few(count.counted[0])}`],
    ["θ", Number.isNaN(tail) ? "–" : few(tail)],
  ],
  say(run, t) {
    const { eta, curvature, index } = run;
    const end = curvature.at(-1);
    const fate = !run.thrown ? "keeps its kernel" : Number.isFinite(end) ? `is thrown, and ends at ηλ = ${fixed(eta * end)}` : "diverges";
    return `${sayCount(run)} Run ${few(index)} ${fate}; at step ${t} its error is ${few(error(run, t))}.`;
  },
};

function counting({ count }) {
  return count.counted[0] < count.runs;
}

function widthsWith(n) {
  return [n, ...WIDTHS.filter((one) => one !== n)];
}

/** Ask the worker for a count, unless it was asked; until it answers, the runs that were shown stay. */
function ask(stage, { c, n }, runs) {
  const key = keyOf({ c, n, runs });
  if (key === stage.asked) return;
  const count = newCount({ c, widths: widthsWith(n), runs });
  worker.send({ job: "rare", id: stage.id + 1, count });
  const { examples } = stage.count;
  Object.assign(stage, { asked: key, id: stage.id + 1, count: { ...count, examples }, tail: NaN });
}

function keyOf({ c, n, runs }) {
  return `${c} ${Math.round(n)} ${runs}`;
}

function sayCount({ count, tail, values }) {
  const [all, gone] = [count.counted[0], count.thrown[0]];
  if (all === 0) return "The runs are being counted, here, in this page.";
  if (gone === 0) return `Of ${few(all)} runs none is thrown off its kernel: most likely less than one in ${few(all / 3, 1)} is.`;
  if (tail === 0) return `Of ${few(all)} runs ${few(gone)} are thrown off their kernel: at c = ${fixed(values.c)} errors grow typically.`;
  const rare = `Of ${few(all)} runs ${few(gone)} are thrown off their kernel, one in ${few(all / gone, 2)}.`;
  const wider = tail < Infinity ? ` A hundred times wider, they should be ${few(10 ** tail, 2)} times rarer.` : "";
  return rare + wider;
}

/** Return the root mean square output, which is the error: the labels are 0. */
function error(run, t) {
  return Math.sqrt(2 * run.loss[t]);
}

function drawErrors(sheet, run, t, box) {
  const { colours } = sheet;
  const bend = Math.log10(run.values.n / run.eta) / 2; // where |f| is sqrt(n / eta)
  const frame = new Frame(sheet, { x: [0, STEPS + 6], y: [-5, bend + 1.2], box, left: 60, bottom: 24 });
  frame.axes({ ylabel: "error  √(2 loss)", logy: true });
  frame.inside(() => {
    frame.rule(frame.left, frame.Y(bend), frame.right, frame.Y(bend), colours.soft, { dash: [5, 4] });
    drawRuns(frame, run, t, (one, k) => Math.log10(error(one, k)));
    frame.letters("√(n/η): here the kernel feels it", frame.right - 8, frame.Y(bend) - 7 * frame.scale, { align: "right", size: 12.5, italic: true, halo: true });
  });
}

function drawKernels(sheet, run, t, box) {
  const low = Math.min(0.6, ...run.curvature.map((one) => one / run.curvature[0]).filter(Number.isFinite)) - 0.05;
  const { c } = run.values;
  const frame = new Frame(sheet, { x: [0, STEPS + 6], y: [low * c, 1.05 * c], box, left: 60, top: 6 });
  frame.axes({ xlabel: "step", ylabel: "curvature  ηλ" });
  frame.inside(() => drawRuns(frame, run, t, (one, k) => one.eta * one.curvature[k]));
}

/** Draw the crowd faintly, and the run that is shown up to step t. */
function drawRuns(frame, run, t, height) {
  const colour = (one) => frame.colours[one.thrown ? "catapult-line" : "lazy-line"];
  const points = (one) => one.loss.map((_, k) => [k, height(one, k)]);
  for (const one of run.crowd) frame.line(points(one), faded(colour(one), 0.3), { width: 1 });
  const own = points(run);
  frame.line(own, faded(colour(run), 0.5), { width: 1.6 });
  frame.line(own.slice(0, t + 1), colour(run), { width: 2.8 });
  frame.dot(...own[t], 6, colour(run), frame.colours.card, 2.5);
}

function drawShares(sheet, { count, tail, values }, box) {
  const { colours } = sheet;
  const shares = count.widths.map((n, i) => ({ n, all: count.counted[i], gone: count.thrown[i] }));
  const found = shares.filter(({ all }) => all > 0);
  const low = Math.min(-3, ...found.map(({ all, gone }) => Math.log10(Math.max(gone, 1) / all)));
  const frame = new Frame(sheet, { x: [1.5, 8.5], y: [low - 0.6, 0.3], box, left: 62, top: 34 });
  frame.axes({ xlabel: "width  n", ylabel: "share that is thrown", logx: true, logy: true, xticks: [2, 4, 6, 8] });
  frame.inside(() => {
    drawLaw(frame, found, tail);
    for (const one of found) drawShare(frame, one, one.n === values.n);
  });
  const law = tail > 0 && tail < Infinity ? `line: the power −θ/2, θ = ${few(tail)}` : tail === 0 ? "growth is typical here" : "";
  frame.letters(law, frame.right, frame.top - 10 * frame.scale, { align: "right", colour: colours.ink });
}

/** Draw the law through the counts where catapults are rare; its height is fitted. */
function drawLaw(frame, found, tail) {
  if (!(tail > 0 && tail < Infinity)) return;
  const rare = found.filter(({ all, gone }) => gone > 0 && gone < 0.1 * all);
  const weight = rare.reduce((sum, { gone }) => sum + gone, 0);
  const height = rare.reduce((sum, { n, all, gone }) => sum + gone * (Math.log10(gone / all) + (tail / 2) * Math.log10(n)), 0) / weight;
  frame.line([1, 9].map((x) => [x, height - (tail / 2) * x]), frame.colours.soft, { width: 1.6 });
}

/** Draw a share with its error; where nothing was thrown, the largest share that is likely. */
function drawShare(frame, { n, all, gone }, asked) {
  const { colours } = frame;
  const colour = colours["catapult-line"];
  const x = Math.log10(n);
  const log = (value) => Math.log10(Math.max(value, 1e-9));
  if (gone === 0) {
    const most = log(3 / all);
    frame.line([[x, most], [x, most - 0.4]], colour, { width: 1.4 });
    frame.dot(x, most, asked ? 7 : 4.5, colours.card, colour);
    return;
  }
  const share = gone / all;
  const spread = Math.sqrt((share * (1 - share)) / all);
  frame.line([[x, log(share - spread)], [x, log(share + spread)]], colour, { width: 1.6 });
  frame.dot(x, log(share), asked ? 8 : 4.5, asked ? colour : faded(colour, 0.6), asked ? colours.card : null, 2.5);
}
