// Scene 7b, momentum: the first edge moves to 2 (1 + beta), the second hardly.
import { Atlas } from "../atlas.js";
import { Frame, surface } from "../frame.js";
import { factors, momentumOutcome, ofFactors } from "../map.js";
import { bisect, CATAPULT, DIVERGENT, emptyOutcome, LAZY } from "../phase.js";
import { literal } from "../python.js";
import { heavyBall } from "../rules.js";
import { LAMBDA_0, orbit } from "../run.js";
import { few, fixed, fold, width } from "../words.js";
import { archFrame, drawArch } from "./arch.js";
import { drawScale } from "./scale.js";

const LONG = 20000; // steps that decide one run

export const momentumScene = {
  id: "7b",
  derivation: () => "heavy-ball",
  start: { beta: 0.5, c: 3.6, n: 1e6, t: 0, g: "" },
  limits: { beta: [0, 0.95], c: [0.05, 8], n: [100, 1e12], t: [0, 1e4] },
  controls: [
    { name: "c", label: "rate c = ηλ₀", min: 0.05, max: 8, step: 0.01 },
    { name: "beta", label: "momentum β", min: 0, max: 0.95, step: 0.01 },
    { name: "n", label: "width n", min: 2, max: 12, step: 0.25, log: true, show: width },
  ],
  setup(stage) {
    stage.atlas = new Atlas("momentum", () => stage.redraw());
    stage.canvas.addEventListener("click", (event) => {
      const box = stage.canvas.getBoundingClientRect();
      const [px, py] = [event.clientX - box.left, event.clientY - box.top];
      if (!stage.frame?.contains(px, py)) return;
      const [c, beta] = stage.frame.at(px, py);
      stage.set({ c: Number(Math.max(0.05, c).toFixed(2)), beta: Number(Math.min(0.95, Math.max(0, beta)).toFixed(2)), t: 0 });
    });
  },
  run({ beta, c, n }) {
    const eta = c / LAMBDA_0;
    const stop = (state, t) => {
      const [f] = ofFactors(state, n);
      return t > 3 && (Math.abs(f) < 1e-4 && Math.hypot(state[2], state[3]) < 1e-3 * Math.sqrt(n) || !(Math.abs(f) < 1e4 * Math.sqrt(n)));
    };
    const moved = orbit((state, out) => heavyBall(state, eta, beta, n, 0, out), [...factors(n, 1), 0, 0], stop, 500);
    const states = moved.map((state) => ofFactors(state, n));
    const end = ended({ c, beta, n });
    return { values: { c, beta, n, f: 1, y: 0 }, eta, moved, states, loss: states.map(([f]) => (f * f) / 2), end, steps: states.length - 1 };
  },
  python({ beta, c, n }, run) {
    return [
      "import sympy as sp",
      "import catapult_sim as cs",
      "",
      "# all weights move along p = |u + v| / sqrt(2) and q = |u - v| / sqrt(2)",
      'p, q = sp.symbols("p q", real=True)',
      'n = sp.Symbol("n", positive=True)',
      "model = (p**2 - q**2) / (2 * sp.sqrt(n))",
      `rule = cs.Update.descent(model**2 / 2, [p, q], cs.HeavyBall(${literal(beta)}))`,
      `start = [(${literal(n)} + ${literal(n)} ** 0.5) ** 0.5, (${literal(n)} - ${literal(n)} ** 0.5) ** 0.5, 0.0, 0.0]`,
      `run = cs.iterate(rule, start, learning_rate=${literal(c / LAMBDA_0)}, n=${literal(n)}, steps=${run.steps})`,
      'print(cs.classify(run), run.values["loss"])',
    ].join("\n");
  },
  guess: {
    question: "Momentum β = 0.9 lets a fixed bowl bear learning rates up to 2(1 + β)/λ = 3.8/λ. The end of catapults was at 4 without momentum. Where is it now?",
    kind: "range",
    min: 2,
    max: 8,
    step: 0.1,
    from: 4,
    show: (value) => fixed(value, 1),
    answer(value) {
      const edge = bisect((c) => ended({ c, beta: 0.9, n: 1e6 }).phase === DIVERGENT, 3.8, 8);
      return `Near ${few(edge)}, found now by halving at width one million; you said ${fixed(value, 1)}. Twice the first edge would be ${few(4 * 1.9)}.`;
    },
  },
  draw(canvas, run, t, { beta, c, n, g }, stage) {
    const sheet = surface(canvas);
    const { wide, high, colours } = sheet;
    const beside = wide > 620;
    const box = beside ? [0, 0, wide * 0.58, high] : [0, 0, wide, high * 0.56];
    const frame = new Frame(sheet, { x: [0, 8], y: [0, 0.95], box, left: 58, top: 34 });
    stage.frame = frame;
    stage.atlas.request({ x: frame.x, y: frame.y, n, f: 1 }, { wide: 320, high: 240 });
    stage.atlas.draw(frame);
    frame.inside(() => {
      for (const k of [2, 4]) {
        frame.line([[k, 0], [2 * k, 1]], colours.ink, { width: 1.5, dash: [6, 4] });
        frame.letters(`${k}(1 + β)`, frame.X(k * 1.8) - 6, frame.Y(0.8), { align: "right", halo: true, colour: colours.ink });
      }
      if (g !== "") frame.dot(Number(g), 0.9, 5, colours.glow, "#ffffff", 2);
      frame.dot(c, beta, 6, "#00000000", "#ffffff", 4);
      frame.dot(c, beta, 6, "#00000000", "#14202c", 2);
    });
    frame.axes({ xlabel: "learning rate  c = ηλ₀", ylabel: "momentum  β" });
    drawScale(frame, "");
    const rest = beside ? [wide * 0.58, 0, wide * 0.42, high] : [0, high * 0.56, wide, high * 0.44];
    drawArch(archFrame(sheet, run, { box: rest, left: 60, top: 34 }), run, t, 2 * (1 + beta));
  },
  numbers: (run, t) => [
    ["step", String(t)],
    ["loss", few(run.loss[t])],
    ["ηλ", fixed(run.eta * run.states[t][1], 3)],
    ["2(1 + β)", fixed(2 * (1 + run.values.beta))],
  ],
  say(run) {
    const { end, values, eta } = run;
    const where = `c = ${few(values.c)} is ${values.c < 2 * (1 + values.beta) ? "below" : "above"} 2(1 + β) = ${fixed(2 * (1 + values.beta))}.`;
    const grown = fold(end.peak ** 2);
    if (end.phase === LAZY) return `${where} Lazy: it converges as the linear theory says${end.peak > 1.005 ? `; on the way the loss rises ${grown}, as momentum makes it in any bowl` : ""}.`;
    if (end.phase === CATAPULT) return `${where} Catapult: the loss grows ${grown}, and ends at ηλ = ${fixed(end.curvature)}.`;
    if (end.phase === DIVERGENT) return `${where} Divergent after ${run.steps} steps: ηλ grows with the loss.`;
    return `${where} Not decided within ${LONG} steps; ηλ is ${fixed(eta * run.states.at(-1)[1])} at the last that is drawn.`;
  },
};

function ended({ c, beta, n }) {
  return momentumOutcome(c, beta, n, 1, LONG, emptyOutcome());
}
