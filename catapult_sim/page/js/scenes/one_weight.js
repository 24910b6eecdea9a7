// Scene 1, one weight: a parabola throws the weight out at 2 / lambda, whatever one does.
import { Frame, surface } from "../frame.js";
import { bisect } from "../phase.js";
import { literal } from "../python.js";
import { parabola } from "../rules.js";
import { orbit } from "../run.js";
import { faded } from "../theme.js";
import { few, fixed, fold } from "../words.js";
import { lineColour } from "./drawing.js";

const LIMIT = 60;

export const oneWeight = {
  id: "1",
  derivation: () => "parabola",
  start: { eta: 1.6, lam: 1, w: 1, t: 0, g: "" },
  limits: { eta: [0, 6], lam: [0.25, 4], w: [-2, 2], t: [0, LIMIT] },
  controls: [
    { name: "eta", label: "learning rate η", min: 0.02, max: 4, step: 0.02 },
    { name: "lam", label: "curvature λ of the bowl", min: 0.25, max: 4, step: 0.05 },
    { name: "w", label: "first weight w₀", min: -2, max: 2, step: 0.1 },
  ],
  run({ eta, lam, w }) {
    const stop = ([now]) => Math.abs(now) <= 1e-3 * Math.abs(w) || Math.abs(now) > 1e6;
    const states = orbit((state, out) => parabola(state, eta, lam, out), [w], stop, LIMIT);
    return { values: { eta, lam, w }, states, steps: states.length - 1, phase: phaseOf(eta * lam) };
  },
  python: ({ eta, lam, w }, run) =>
    [
      "import sympy as sp",
      "import catapult_sim as cs",
      "",
      'w, lam = sp.Symbol("w", real=True), sp.Symbol("lam", positive=True)',
      "rule = cs.Update.descent(lam * w**2 / 2, [w])",
      `run = cs.iterate(rule, [${literal(w)}], learning_rate=${literal(eta)}, lam=${literal(lam)}, steps=${run.steps})`,
      'print(run.values["loss"])',
    ].join("\n"),
  guess: {
    question: "A bowl of curvature λ = 1. Beyond which learning rate does the weight never come back?",
    kind: "range",
    min: 0,
    max: 4,
    step: 0.05,
    from: 0.5,
    show: (value) => fixed(value),
    answer(value) {
      const edge = bisect((eta) => phaseOf(eta) !== 1, 0.1, 10);
      return `Beyond η = ${few(edge, 5)}; you said ${fixed(value)}. In a bowl of curvature λ it is 2/λ.`;
    },
  },
  draw(canvas, run, t) {
    const sheet = surface(canvas);
    const { colours } = sheet;
    const { lam, w } = run.values;
    const far = Math.max(1.6, 1.35 * Math.abs(w));
    const top = (Math.max(lam, 0.5) * far ** 2) / 2;
    const frame = new Frame(sheet, { x: [-far, far], y: [-0.06 * top, top], left: 56 });
    const bowl = Array.from({ length: 161 }, (_, i) => -far + (i / 80) * far).map((x) => [x, (lam * x * x) / 2]);
    frame.inside(() => frame.line([[-far, top * 2], ...bowl, [far, top * 2]], colours.ink, { width: 0, fill: faded(colours.lazy, 0.8) }));
    frame.inside(() => frame.line(bowl, colours.ink, { width: 2 }));
    frame.axes({ xlabel: "weight  w", ylabel: "loss  λw²/2" });
    const colour = lineColour(colours, run.phase);
    const points = run.states.slice(0, t + 1).map(([x]) => [x, (lam * x * x) / 2]);
    frame.inside(() => {
      points.forEach(([x, y], k) => {
        const opacity = Math.max(0.12, 1 - (t - k) / 12);
        if (k) frame.line([points[k - 1], [x, y]], faded(colour, opacity), { width: 2, dash: [] });
        frame.dot(x, y, k === t ? 9 : 4, faded(colour, k === t ? 1 : opacity), k === t ? colours.card : null, 2.5);
      });
    });
    if (Math.abs(run.states[t][0]) > far) {
      frame.letters("out of the picture", (frame.left + frame.right) / 2, frame.top + 26, { align: "center", size: 16, italic: true, colour });
    }
  },
  numbers: (run, t) => [
    ["step", String(t)],
    ["weight", few(run.states[t][0])],
    ["ηλ", few(run.values.eta * run.values.lam)],
    ["2/λ", few(2 / run.values.lam)],
  ],
  say(run, t) {
    const { eta, lam, w } = run.values;
    const factor = 1 - eta * lam;
    if (w === 0) return "The weight starts at the bottom, where no step moves it.";
    const each = `Each step multiplies the weight by 1 − ηλ = ${fixed(factor)}.`;
    if (run.phase === 0) return `${each} It flips between two points for ever: η is exactly 2/λ.`;
    if (run.phase === 3) return `${each} After ${t} steps it has grown ${fold(Math.abs(run.states[t][0] / w))}: the bowl throws it out.`;
    const how = factor < 0 ? "It jumps across and comes closer" : factor === 0 ? "One step is enough" : "It comes closer from one side";
    return `${each} ${how}: η is below 2/λ = ${few(2 / lam)}.`;
  },
};

/** A bowl is decided by its factor alone. */
function phaseOf(product) {
  const size = Math.abs(1 - product);
  return size < 1 ? 1 : size > 1 ? 3 : 0;
}
