// Scene 6, a real network: trained live in the worker, seen in the same plane.
import { Frame, surface } from "../frame.js";
import { worker } from "../helper.js";
import { network, trainingStep } from "../network.js";
import { faded } from "../theme.js";
import { few, fixed, fold } from "../words.js";
import { peakOf } from "../run.js";
import { drawPath, lineColour } from "./drawing.js";

const STEPS = 150;
const NAMES = { relu: "ReLU", tanh: "tanh", linear: "linear" };

export const realNetwork = {
  id: "6",
  live: true,
  start: { activation: "relu", c: 3, seed: 1, t: STEPS, g: "" },
  limits: { activation: Object.keys(NAMES), c: [0.1, 40], seed: [1, 99], t: [0, STEPS] },
  controls: [
    { name: "activation", label: "activation", options: NAMES, keeps: true },
    { name: "c", label: "rate c = ηλ₀", min: -1, max: 1.5, step: 0.01, log: true, keeps: true },
    { name: "seed", label: "network number", min: 1, max: 20, step: 1, keeps: true },
  ],
  setup(stage) {
    Object.assign(stage, { rows: [], asked: "", id: 0, eta: NaN });
    worker.listen("network", ({ id, row, eta }) => {
      if (id !== stage.id) return;
      stage.rows.push(row);
      stage.eta = eta;
      stage.redraw();
      if (row.t === STEPS) stage.told(stage, false);
    });
  },
  /** A run in the making: what the worker has sent so far. */
  run({ activation, c, seed }, stage) {
    const key = `${activation} ${c} ${seed}`;
    if (key !== stage.asked && stage.seen) {
      Object.assign(stage, { asked: key, rows: [], id: stage.id + 1 });
      worker.send({ job: "network", id: stage.id, digits: window.CATAPULT.digits, activation, c, seed, steps: STEPS });
    }
    return read(stage.rows, stage.eta, { activation, c, seed });
  },
  /** Train to the end at once: a printer does not wait. */
  finish(stage) {
    const { activation, c, seed } = stage.values;
    const model = network({ digits: window.CATAPULT.digits, activation, c, seed });
    const rows = [];
    do rows.push(trainingStep(model));
    while (rows.length <= STEPS && Number.isFinite(rows.at(-1).loss));
    Object.assign(stage, { rows, eta: model.eta, asked: `${activation} ${c} ${seed}`, id: stage.id + 1 });
  },
  python({ activation, c, seed }, run) {
    return [
      "import numpy as np",
      "import catapult_sim as cs",
      "",
      'X, y = cs.datasets.subset(*cs.datasets.digits(inputs="global"), 256, rng=0)',
      `net = cs.MLP([64, 128, 1], activation="${activation}")`,
      "# the random numbers of the page: a Lehmer generator, Box and Muller's way",
      `u = [${seed} * pow(48271, k, 2**31 - 1) % (2**31 - 1) for k in range(1, 2 * net.size + 1)]`,
      "u = np.array(u).reshape(2, -1) / (2**31 - 1)",
      "theta = np.sqrt(-2 * np.log(u[0])) * np.cos(2 * np.pi * u[1])",
      "see = cs.Observers(net, X[:64], y[:64])",
      `run = cs.train(net, theta, X[:64], y[:64], learning_rate=${c} / see.top_eigenvalue(theta),`,
      `               steps=${run.steps}, observe={"curvature": see.top_eigenvalue})`,
      'print(run.values["loss"], run.values["curvature"])',
    ].join("\n");
  },
  guess: {
    question: "Nobody can solve this network: 64 pixels, 128 ReLU units, 64 handwritten digits, odd against even. At c = 3, beyond the textbook's limit, it will",
    kind: "choice",
    options: { lazy: "learn as if nothing had happened", catapult: "explode, bend, and come back", divergent: "explode for good" },
    answer: (choice) => `You said: ${{ lazy: "nothing happens", catapult: "it comes back", divergent: "it explodes" }[choice]}. Press Play at c = 3 and read what it did.`,
  },
  draw(canvas, run, t, values, stage) {
    if (!stage.seen) {
      stage.seen = true;
      stage.redraw();
    }
    const sheet = surface(canvas);
    const { wide, high, colours } = sheet;
    const beside = wide > 620;
    drawPlane(sheet, run, t, beside ? [0, 0, wide * 0.6, high] : [0, 0, wide, high * 0.56], colours);
    const [x, y, w, h] = beside ? [wide * 0.6, 0, wide * 0.4, high] : [0, high * 0.56, wide, high * 0.44];
    drawLoss(sheet, run, t, [x, y, w, h / 2], colours);
    drawAccuracy(sheet, run, t, [x, y + h / 2, w, h / 2], colours);
  },
  numbers(run, t) {
    const row = run.rows[t];
    return [
      ["step", String(t)],
      ["loss", row ? few(row.loss) : "–"],
      ["ηλ", row ? fixed(run.eta * row.curvature, 3) : "–"],
      ["held-out digits right", row ? `${Math.round(100 * row.accuracy)} %` : "–"],
    ];
  },
  say(run, t) {
    const { rows, eta, phase, values } = run;
    if (rows.length < 2) return "The network is being trained, here, in this page.";
    const name = `${NAMES[values.activation]}, c = ${few(values.c)}`;
    const peak = peakOf(rows.map((row) => row.loss));
    const grown = fold(rows[peak].loss / rows[0].loss);
    const last = rows.at(-1);
    const right = `${Math.round(100 * (rows[t] ?? last).accuracy)} % of the held-out digits are right`;
    if (phase === 3) return `${name}: divergent. The loss has left every scale after ${last.t} steps.`;
    const where = `ηλ went from ${fixed(eta * rows[0].curvature)} to ${fixed(eta * last.curvature)}`;
    if (phase === 2) return `${name}: a catapult. The loss grew ${grown} up to step ${peak}, and came back; ${where}. At step ${t}, ${right}.`;
    if (phase === 1) return `${name}: lazy so far. The loss never rose above its start; ${where}. At step ${t}, ${right}.`;
    return `${name}: undecided after ${last.t} steps. The loss has been ${grown} its start; ${where}.`;
  },
};

/** Return the run as far as it is known. Nothing decides a network's phase but its loss so far. */
function read(rows, eta, values) {
  const losses = rows.map((row) => row.loss);
  const peak = peakOf(losses);
  const last = losses.at(-1) ?? NaN;
  const left = losses.length > 0 && !(last < 1e6 * losses[0]);
  const back = last < losses[0] && eta * (rows.at(-1)?.curvature ?? NaN) < 2;
  const phase = left ? 3 : !back ? 0 : losses[peak] > 1.0001 * losses[0] ? 2 : 1;
  return { rows, eta, values, phase, steps: Math.max(0, rows.length - 1), live: rows.length <= STEPS && !left };
}

function drawPlane(sheet, run, t, box, colours) {
  const points = run.rows.map((row) => [run.eta * row.curvature, Math.log10(Math.sqrt(2 * row.loss))]);
  const finite = points.filter(([, y]) => Number.isFinite(y));
  const high = Math.max(1, ...finite.map(([, y]) => y)) + 0.3;
  const low = Math.min(-0.8, ...finite.map(([, y]) => y)) - 0.2;
  const frame = new Frame(sheet, { x: [0, Math.max(4.6, run.values.c * 1.15)], y: [low, Math.min(high, 12)], box, left: 62 });
  frame.inside(() => frame.line([[0, low], [0, 20], [2, 20], [2, low]], colours.lazy, { width: 0, fill: faded(colours.lazy, 0.6) }));
  frame.mark(2, "2", colours["lazy-ink"]);
  frame.mark(4, "4", colours["divergent-ink"]);
  if (run.values.activation === "relu") frame.mark(12, "12?", colours["divergent-ink"]);
  frame.axes({ xlabel: "curvature  ηλ", ylabel: "error  √(2 loss)", logy: true });
  if (points.length) drawPath(frame, points, t, lineColour(colours, run.phase));
}

function drawLoss(sheet, run, t, box, colours) {
  const points = run.rows.map((row) => [row.t, Math.log10(row.loss)]);
  const heights = points.map(([, y]) => y).filter(Number.isFinite);
  const frame = new Frame(sheet, { x: [0, STEPS], y: [Math.min(-1.2, ...heights) - 0.1, Math.min(12, Math.max(1, ...heights) + 0.2)], box, left: 60, bottom: 40 });
  frame.axes({ xlabel: "step", ylabel: "loss", logy: true });
  curve(frame, points, t, lineColour(colours, run.phase));
}

function drawAccuracy(sheet, run, t, box, colours) {
  const frame = new Frame(sheet, { x: [0, STEPS], y: [40, 100], box, left: 60, bottom: 40 });
  frame.axes({ xlabel: "step", ylabel: "held-out, %" });
  frame.rule(frame.left, frame.Y(50), frame.right, frame.Y(50), colours.faint, { dash: [3, 3] });
  curve(frame, run.rows.map((row) => [row.t, 100 * row.accuracy]), t, colours.accent);
}

function curve(frame, points, t, colour) {
  frame.inside(() => {
    frame.line(points, colour, { width: 2 });
    if (points[t]) frame.dot(...points[t], 5, colour, frame.colours.card, 2);
  });
}
