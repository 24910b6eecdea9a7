// Scene 2, two weights: thrown out of the sharp valley, and across into a flatter place.
import { Frame, surface } from "../frame.js";
import { CATAPULT, DIVERGENT, emptyOutcome, LAZY, outcome } from "../phase.js";
import { literal } from "../python.js";
import { twoWeights } from "../rules.js";
import { HORIZON, orbit } from "../run.js";
import { faded } from "../theme.js";
import { few, fold } from "../words.js";
import { lineColour } from "./drawing.js";

const LIMIT = 200;
const SIZE = 3.4; // half of the picture

export const twoWeightsScene = {
  id: "2",
  derivation: () => "two-weights",
  start: { c: 3, u: 0.05, v: 2, t: 0, g: "" },
  limits: { c: [0.05, 5], u: [-3, 3], v: [-3, 3], t: [0, LIMIT] },
  controls: [
    { name: "c", label: "rate c = ηλ₀", min: 0.05, max: 5, step: 0.01 },
    { name: "u", label: "first u", min: -3, max: 3, step: 0.01 },
    { name: "v", label: "first v", min: -3, max: 3, step: 0.01 },
  ],
  setup: draggable,
  run({ c, u, v }) {
    const lam = u * u + v * v || 1;
    const eta = c / lam;
    const stop = ([a, b]) => Math.abs(a * b) <= 1e-4 * Math.abs(u * v) * (eta * (a * a + b * b) < 2) || !(Math.hypot(a, b) < 1e3) || a * b === 0;
    const states = orbit((state, out) => twoWeights(state, eta, out), [u, v], stop, LIMIT);
    const end = outcome(eta * u * v, c, 0, HORIZON, emptyOutcome());
    return { values: { c, u, v }, eta, lam, states, end, steps: states.length - 1 };
  },
  python: ({ u, v }, run) =>
    [
      "import sympy as sp",
      "import catapult_sim as cs",
      "",
      'u, v = sp.symbols("u v", real=True)',
      "rule = cs.Update.descent((u * v) ** 2 / 2, [u, v])",
      `run = cs.iterate(rule, [${literal(u)}, ${literal(v)}], learning_rate=${literal(run.eta)}, steps=${run.steps})`,
      'print(cs.classify(run), run.values["loss"])',
    ].join("\n"),
  guess: {
    question: "The valley floor is the cross u = 0 or v = 0; it is steeper farther out. At c = 3 the point is thrown out of it. Where does it end?",
    kind: "choice",
    options: { never: "it never comes back", same: "in the valley, as far out as it began", near: "in the valley, closer to the middle", far: "in the valley, farther out" },
    answer(choice) {
      const run = twoWeightsScene.run(twoWeightsScene.start);
      const out = Math.sqrt(run.end.curvature / run.eta);
      const truth = run.end.phase === DIVERGENT ? "never" : out < 0.999 * Math.sqrt(run.lam) ? "near" : "far";
      const where = truth === "near" ? `closer to the middle: it began ${few(Math.sqrt(run.lam))} out and ends ${few(out)} out` : "elsewhere";
      return `${choice === truth ? "Yes" : "No"}, ${where}.`;
    },
  },
  draw(canvas, run, t, values, stage) {
    const sheet = surface(canvas);
    const { wide, high, colours } = sheet;
    const frame = squared(sheet, wide, high);
    stage.frame = frame;
    contours(frame);
    drawCircles(frame, run, t);
    const colour = lineColour(colours, run.end.phase);
    frame.inside(() => {
      frame.line(run.states.map((s) => [s[0], s[1]]), faded(colour, 0.25), { width: 1.4 });
      frame.line(run.states.slice(0, t + 1).map((s) => [s[0], s[1]]), colour, { width: 2.2 });
      run.states.slice(0, t).forEach(([a, b]) => frame.dot(a, b, 3, colour));
      frame.dot(run.values.u, run.values.v, 6, colours.card, colour, 2);
      const [a, b] = run.states[t];
      frame.dot(a, b, 9, colour, colours.card, 2.5);
    });
    frame.axes({ xlabel: "u", ylabel: "v" });
  },
  numbers(run, t) {
    const [u, v] = run.states[t];
    return [
      ["step", String(t)],
      ["loss", few((u * v) ** 2 / 2)],
      ["λ = u² + v²", few(u * u + v * v)],
      ["2/η", few(2 / run.eta)],
    ];
  },
  say(run, t) {
    const [u, v] = run.states[t];
    const [lam, edge] = [u * u + v * v, 2 / run.eta];
    const here = lam < edge ? `λ = ${few(lam)} is below 2/η = ${few(edge)}: here the valley attracts` : `λ = ${few(lam)} is above 2/η = ${few(edge)}: here the valley throws it out`;
    return `Step ${t}: ${here}. ${ends(run)}`;
  },
};

function ends({ end, lam, eta, values }) {
  const last = end.curvature / eta;
  if (values.u * values.v === 0) return "It starts on the valley floor and stays there.";
  if (end.phase === LAZY) return `Lazy: the loss only falls, and λ goes from ${few(lam)} to ${few(last)}.`;
  if (end.phase === CATAPULT) {
    const loss = (end.peak / eta / (values.u * values.v)) ** 2;
    return `Catapult: the loss grows ${fold(loss)}; then it lands where λ is ${few(last)} instead of ${few(lam)}.`;
  }
  if (end.phase === DIVERGENT) return `Divergent: c = ${few(values.c)} throws it farther out with every step.`;
  return "It neither settles nor leaves.";
}

function squared(sheet, wide, high) {
  const [left, bottom, top, right] = [52, 42, 12, 14].map((margin) => margin * sheet.scale);
  const side = Math.min(wide - left - right, high - top - bottom);
  const rest = (wide - left - right - side) / 2;
  const box = [rest, 0, left + side + right, top + side + bottom];
  return new Frame(sheet, { x: [-SIZE, SIZE], y: [-SIZE, SIZE], left: 52, right: 14, top: 12, bottom: 42, box });
}

/** Fill between contours of (uv)^2 / 2, the hyperbolas |uv| = level. */
function contours(frame) {
  const { colours } = frame;
  const levels = [0.1, 0.3, 0.7, 1.3, 2.2, 3.4, 5, 7];
  frame.inside(() => {
    for (const [i, level] of levels.entries()) {
      const arm = Array.from({ length: 60 }, (_, k) => {
        const x = (level / SIZE) * (SIZE ** 2 / level) ** (k / 59);
        return [x, level / x];
      });
      for (const [a, b] of [[1, 1], [1, -1], [-1, 1], [-1, -1]]) {
        const points = [...arm.map(([x, y]) => [a * x, b * y]), [a * SIZE, b * SIZE]];
        frame.line(points, faded(colours["lazy-line"], 0.25), { width: 0.7, close: true, fill: faded(colours["lazy-line"], 0.04 + 0.012 * i) });
      }
    }
    frame.line([[-SIZE, 0], [SIZE, 0]], colours["lazy-line"], { width: 1.6 });
    frame.line([[0, -SIZE], [0, SIZE]], colours["lazy-line"], { width: 1.6 });
  });
}

/** Draw where the valley holds, inside lambda = 2 / eta, and the circle of lambda now. */
function drawCircles(frame, run, t) {
  const { colours } = frame;
  const circle = (radius) => Array.from({ length: 121 }, (_, i) => [radius * Math.cos((i * Math.PI) / 60), radius * Math.sin((i * Math.PI) / 60)]);
  const [u, v] = run.states[t];
  const edge = Math.sqrt(2 / run.eta);
  frame.inside(() => {
    frame.line(circle(edge), colours["lazy-ink"], { width: 1.4, dash: [5, 4], fill: faded(colours.lazy, 0.5) });
    frame.line(circle(Math.hypot(u, v)), faded(colours.glow, 0.9), { width: 2 });
    if (edge < SIZE) frame.letters("λ = 2/η", frame.X(0), frame.Y(-edge) - 9, { colour: colours["lazy-ink"], align: "center", halo: true });
  });
}

/** Let the start be dragged. */
function draggable(stage) {
  const { canvas } = stage;
  const put = (event) => {
    const box = canvas.getBoundingClientRect();
    const [u, v] = stage.frame.at(event.clientX - box.left, event.clientY - box.top);
    const cut = (value) => Number(Math.max(-3, Math.min(3, value)).toFixed(2));
    stage.set({ u: cut(u), v: cut(v), t: 0 });
  };
  let held = false;
  canvas.addEventListener("pointerdown", (event) => {
    const box = canvas.getBoundingClientRect();
    if (!stage.frame?.contains(event.clientX - box.left, event.clientY - box.top)) return;
    held = true;
    canvas.setPointerCapture(event.pointerId);
    put(event);
  });
  canvas.addEventListener("pointermove", (event) => held && put(event));
  canvas.addEventListener("pointerup", () => (held = false));
  canvas.addEventListener("pointercancel", () => (held = false));
}
