// Scene 3, the arch: curvature against output. The curvature falls because the loss grew.
import { samplePython } from "../python.js";
import { CATAPULT, DIVERGENT, LAZY, PHASES } from "../phase.js";
import { peakOf, sampleRun } from "../run.js";
import { faded } from "../theme.js";
import { Frame, surface } from "../frame.js";
import { counted, few, fixed, fold, width } from "../words.js";
import { drawPath, lineColour } from "./drawing.js";

const C = { name: "c", label: "rate c = ηλ₀", min: 0.05, max: 5, step: 0.01 };
const N = { name: "n", label: "width n", min: 2, max: 12, step: 0.25, log: true, show: width };
const Y = { name: "y", label: "label y", min: -10, max: 10, step: 0.5 };
const F = { name: "f", label: "first output f₀", min: -2, max: 1, step: 0.1, log: true };

export const SAMPLE_CONTROLS = { C, N, Y, F };

export const arch = {
  id: "3",
  derivation: (values) => (values.y === 0 ? "sample-map" : "labelled-sample-map"),
  start: { c: 3, n: 1e6, y: 0, f: 1, t: 0, g: "" },
  limits: { c: [0.01, 6], n: [100, 1e12], y: [-10, 10], f: [0.01, 10], t: [0, 1e4] },
  controls: [C, N, Y, F],
  run: sampleRun,
  python: (values, run) => samplePython(values, run.steps),
  guess: {
    question: "At c = 3 and width one million, the loss starts at ½. How large will it get?",
    kind: "range",
    min: -1,
    max: 8,
    step: 0.1,
    from: 1,
    show: (power) => few(10 ** power, 2),
    answer(power) {
      const peak = sampleRun({ c: 3, n: 1e6, y: 0, f: 1 }).end.peakLoss;
      const ratio = 10 ** Math.abs(Math.log10(peak) - power);
      const verdict = ratio < 3 ? "Very close" : `You were ${fold(ratio)} off`;
      return `It gets as large as ${few(peak, 2)}. ${verdict}.`;
    },
  },
  draw(canvas, run, t, { g }) {
    const frame = archFrame(surface(canvas), run);
    drawArch(frame, run, t);
    if (g === "") return;
    const height = (Number(g) + Math.log10(2)) / 2; // the loss is half the square of the output
    frame.inside(() => frame.line([[0, height], [frame.x[1], height]], frame.colours.glow, { width: 1.4, dash: [2, 4] }));
    frame.letters("your guess", frame.right - 8, frame.Y(height) - 5, { align: "right", halo: true, italic: true });
  },
  numbers(run, t) {
    const [, lam] = run.states[t];
    return [
      ["step", `${t}`],
      ["loss", few(run.loss[t])],
      ["curvature ηλ", fixed(run.eta * lam, 3)],
      ["change of ηλ", t < run.steps ? few(change(run, t)) : "–"],
    ];
  },
  say: (run, t) => `${sayStep(run, t)} ${sayEnd(run)}`,
  glow(run, t) {
    const moves = run.states.map((_, k) => Math.abs(change(run, k)) || 0);
    const now = change(run, t) || 0;
    return { size: Math.sqrt(Math.abs(now) / Math.max(...moves, 1e-12)), falls: now <= 0 };
  },
  bars(run, t) {
    const logs = run.loss.map((loss) => Math.log10(loss));
    const [low, high] = [Math.min(...logs.filter(Number.isFinite)), Math.max(...logs.filter(Number.isFinite))];
    const now = -change(run, t) || 0;
    const most = Math.max(...run.states.map((_, k) => Math.abs(change(run, k)) || 0), 1e-12);
    return { loss: (logs[t] - low) / (high - low || 1), fall: Math.abs(now) / most, falls: now >= 0 };
  },
};

/** Return how much eta lambda changes in step t; not a number in the last. */
function change({ states, eta }, t) {
  return t + 1 < states.length ? eta * (states[t + 1][1] - states[t][1]) : NaN;
}

/** Return a frame that holds the run: curvature across, log10 of the residual up. */
export function archFrame(sheet, run, options = {}) {
  const { c, n, y, f } = run.values;
  const first = Math.log10(Math.abs(f - y) || 1e-3);
  const ceiling = n === Infinity ? first + 9 : Math.log10(Math.sqrt(n) * 1.6 + Math.abs(y));
  const x = [0, Math.max(4.6, c * 1.12)];
  return new Frame(sheet, { x, y: [first - 2.2, ceiling + 0.35], left: 62, ...options });
}

/** Draw the arch: the cone, where a minimum attracts, the lines 2 and 4, and the run. */
export function drawArch(frame, run, t, stable = null) {
  const { colours } = frame;
  frame.inside(() => drawCone(frame, run));
  if (stable === null) {
    frame.inside(() => drawTrap(frame, run));
    frame.mark(2, "2", colours["lazy-ink"]);
    drawEdge(frame, run);
  } else frame.mark(stable, few(stable), colours["lazy-ink"]);
  frame.axes({ xlabel: "curvature  ηλ", ylabel: run.values.y === 0 ? "output  |f|" : "residual  |f − y|", logy: true });
  const points = run.states.map(([f, lam]) => [run.eta * lam, Math.log10(Math.abs(f - run.values.y))]);
  drawPath(frame, points, t, lineColour(colours, run.end.phase));
}

function heightsOf(frame) {
  return Array.from({ length: 121 }, (_, i) => frame.y[0] + (i / 120) * (frame.y[1] - frame.y[0]));
}

/** Shade where a minimum attracts. */
function drawTrap(frame, { values, eta }) {
  const { colours } = frame;
  const trap = heightsOf(frame).map((h) => [Math.max(0, 2 - (2 * eta * 10 ** h) / Math.sqrt(values.n)), h]);
  frame.line([[0, frame.y[0]], ...trap, [0, frame.y[1]]], colours.lazy, { width: 0, fill: faded(colours.lazy, 0.75) });
  if (frame.right - frame.left < 330) return;
  frame.letters("a minimum attracts", frame.X(0.07), frame.Y(frame.y[0]) - 12, { italic: true, size: 12.5, colour: colours["lazy-ink"] });
}

/** Shade what no weights reach. */
function drawCone(frame, { values, eta }) {
  const { colours } = frame;
  const { n, y } = values;
  if (n === Infinity) return;
  const root = Math.sqrt(n);
  const reach = (lam) => Math.log10((root * lam) / eta / 2 + Math.abs(y));
  const across = Array.from({ length: 200 }, (_, i) => ((i + 0.2) / 199) * frame.x[1]);
  const roof = across.map((lam) => [lam, reach(lam)]);
  const above = [[0, frame.y[1] + 1], [0, roof[0][1]], ...roof, [frame.x[1], frame.y[1] + 1]];
  frame.line(above, colours.soft, { width: 0, fill: faded(colours.ink, 0.09) });
  frame.line(roof, faded(colours.ink, 0.45), { width: 1.3 });
  if (frame.right - frame.left < 330) return;
  frame.letters("no weights give this", frame.X(2.35), frame.Y(reach(frame.x[1])) - 4, { italic: true, size: 12.5 });
}

/** Draw the edge E = 0, that is eta lambda = 4 + Y D; a straight line at 4 without a label. */
function drawEdge(frame, { values, eta }) {
  const { colours } = frame;
  const { n, y } = values;
  if (y === 0 || n === Infinity) {
    frame.mark(4, n === Infinity ? "4 (only at finite width)" : "4", colours["divergent-ink"]);
    return;
  }
  const heights = heightsOf(frame);
  for (const sign of [1, -1]) {
    const points = heights.map((h) => [4 + (sign * eta * eta * y * 10 ** h) / n, h]);
    frame.inside(() => frame.line(points, colours["divergent-ink"], { width: 1.4, dash: [5, 4] }));
  }
  frame.letters("4 + YD", frame.X(4) + 6, frame.bottom - 10, { colour: colours["divergent-ink"], halo: true });
}

/** Say what happens at one step. */
function sayStep(run, t) {
  const { loss, states, eta } = run;
  if (t === 0) return `Start: loss ${few(loss[0], 2)}, curvature ${fixed(eta * states[0][1])}.`;
  const ratio = loss[t] / loss[0];
  const grown = ratio > 1 ? `grown ${fold(ratio)}` : `fallen to ${few(ratio, 2)} of its start`;
  const moved = eta * (states[t][1] - states[0][1]);
  const still = Math.abs(moved) < 5e-4 ? "has hardly moved" : `${moved < 0 ? "fell" : "rose"} to ${fixed(eta * states[t][1])}`;
  return `After ${counted(t, "step")} the loss has ${grown}, and the curvature ${still}.`;
}

/** Say how a run ends, and why. */
export function sayEnd(run) {
  const { end, loss, values } = run;
  const peak = peakOf(loss);
  if (loss[0] === 0) return "The output is the label already: no step moves it.";
  if (end.phase === LAZY) return `Lazy: the loss never rises, and the curvature ends at ${fixed(end.curvature)}, below 2.`;
  if (end.phase === CATAPULT) {
    const at = end.curvature < 0.005 ? few(end.curvature, 2) : fixed(end.curvature);
    return `Catapult: the loss grows ${fold(end.peakLoss / loss[0])} up to step ${peak}, then falls; the curvature ends at ${at}, below 2.`;
  }
  if (end.phase === DIVERGENT) return sayDivergence(values);
  return `${PHASES[end.phase][0].toUpperCase()}${PHASES[end.phase].slice(1)}: it neither settles nor leaves within a million steps.`;
}

function sayDivergence({ c, n, y, f }) {
  if (n === Infinity) return "Divergent: at infinite width nothing bends the curvature, and the loss grows for ever.";
  const unit = c / 2 / Math.sqrt(n);
  const edge = 4 + unit * y * unit * (f - y);
  const where = y === 0 ? "4" : `the edge 4 + YD = ${few(edge, 4)}`;
  return `Divergent: the curvature starts at ${few(c, 4)}, above ${where}, where the same term makes it grow.`;
}
