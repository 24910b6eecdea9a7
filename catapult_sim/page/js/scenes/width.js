// Scene 4, width: the catapult is physics of finite width, however wide.
import { Frame, surface } from "../frame.js";
import { DIVERGENT } from "../phase.js";
import { samplePython } from "../python.js";
import { peakOf, sampleRun } from "../run.js";
import { faded } from "../theme.js";
import { few, fold, width } from "../words.js";
import { SAMPLE_CONTROLS, sayEnd } from "./arch.js";
import { lineColour } from "./drawing.js";

const WIDTHS = [4, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12];
const { C } = SAMPLE_CONTROLS;

export const widthScene = {
  id: "4",
  derivation: ({ n }) => (n === Infinity ? "infinite-width-map" : "sample-map"),
  start: { c: 3, n: 1e4, f: 1, t: 0, g: "" },
  limits: { c: [0.05, 5], n: [4, Infinity], f: [0.01, 2], t: [0, 1e4] },
  controls: [
    { name: "n", label: "width n", min: Math.log10(4), max: 12.5, step: 0.01, log: true, infinite: true, show: width },
    C,
    { name: "f", label: "first output f₀", min: -2, max: 0.3, step: 0.1, log: true },
  ],
  run({ c, n, f }) {
    const runs = WIDTHS.map((one) => sampleRun({ c, n: one, y: 0, f }, 300));
    return { ...sampleRun({ c, n, y: 0, f }, n === Infinity ? 60 : 500), runs };
  },
  python: (values, run) => samplePython({ ...values, y: 0 }, run.steps),
  guess: {
    question: "At c = 3, make a network a hundred times wider. Its loss starts at the same ½. The largest loss on the way is then",
    kind: "choice",
    options: { 1: "the same", 10: "ten times larger", 100: "a hundred times larger", 10000: "ten thousand times larger" },
    answer(choice) {
      const [one, other] = [1e4, 1e6].map((n) => sampleRun({ c: 3, n, y: 0, f: 1 }));
      const ratio = other.end.peakLoss / one.end.peakLoss;
      const near = Math.abs(Math.log10(ratio) - Math.log10(Number(choice))) < 0.5;
      const later = peakOf(other.loss) - peakOf(one.loss);
      return `${near ? "Yes" : "No"}: from width 10⁴ to 10⁶ it grows ${fold(ratio)}, and comes ${later} steps later.`;
    },
  },
  draw(canvas, run, t) {
    const sheet = surface(canvas);
    const { wide, high, colours } = sheet;
    const beside = wide > 620;
    const box = beside ? [0, 0, wide * 0.63, high] : [0, 0, wide, high * 0.58];
    drawCurves(sheet, run, t, box, colours);
    drawPeaks(sheet, run, beside ? [wide * 0.63, 0, wide * 0.37, high] : [0, high * 0.58, wide, high * 0.42], colours);
  },
  numbers: (run, t) => [
    ["step", String(t)],
    ["loss", few(run.loss[t])],
    ["peak loss", few(run.end.peakLoss)],
    ["final ηλ", few(run.end.curvature)],
  ],
  say(run, t) {
    const { n, c } = run.values;
    const first = `Width ${width(n)}, step ${t}: the loss is ${few(run.loss[t])}.`;
    if (n === Infinity && run.end.phase === DIVERGENT) return `${first} The arch never bends: λ stays, and each step multiplies the loss by ${few((1 - c) ** 2)}, for ever.`;
    return `${first} ${sayEnd(run)}`;
  },
};

function drawCurves(sheet, run, t, box, colours) {
  const steps = Math.max(12, ...run.runs.map((one) => (one.end.phase === 2 ? peakOf(one.loss) + 12 : 0)), Math.min(run.steps, 60));
  const logs = (loss) => loss.map((value, k) => [k, Math.log10(value)]);
  const top = run.runs.some((one) => one.end.phase === 2) ? Math.log10(run.runs.at(-1).end.peakLoss) + 1 : 4;
  const frame = new Frame(sheet, { x: [0, steps], y: [Math.log10(run.loss[0]) - 3, Math.max(2, top)], box, left: 60 });
  frame.axes({ xlabel: "step", ylabel: "loss", logy: true });
  frame.inside(() => {
    for (const one of run.runs) frame.line(logs(one.loss), faded(lineColour(colours, one.end.phase), 0.35), { width: 1.3 });
    const colour = lineColour(colours, run.end.phase);
    const points = logs(run.loss);
    frame.line(points, colour, { width: 2.6, dash: run.values.n === Infinity ? [7, 4] : [] });
    points.forEach(([x, y], k) => k <= t && frame.dot(x, y, 2.6, colour));
    frame.dot(...points[t], 7, colour, colours.card, 2.5);
    for (const one of run.runs.slice(1)) {
      const k = peakOf(one.loss);
      if (one.end.phase === 2) frame.letters(width(one.values.n), frame.X(k), frame.Y(Math.log10(one.loss[k])) - 7, { align: "center", size: 12, halo: true });
    }
  });
}

function drawPeaks(sheet, run, box, colours) {
  const finite = run.runs.filter((one) => Number.isFinite(one.end.peakLoss));
  const top = Math.max(2, ...finite.map((one) => Math.log10(one.end.peakLoss))) + 0.7;
  const frame = new Frame(sheet, { x: [0, 13], y: [-1.5, top], box, left: 60 });
  frame.axes({ xlabel: "width  n", ylabel: "peak loss", logx: true, logy: true });
  frame.inside(() => {
    for (const one of finite) frame.dot(Math.log10(one.values.n), Math.log10(one.end.peakLoss), 4, faded(lineColour(colours, one.end.phase), 0.55));
    const { n } = run.values;
    if (Number.isFinite(n)) frame.dot(Math.log10(n), Math.log10(run.end.peakLoss), 7, lineColour(colours, run.end.phase), colours.card, 2.5);
  });
  if (finite.length === 0) frame.letters("no run comes back", (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, { align: "center", italic: true });
}
