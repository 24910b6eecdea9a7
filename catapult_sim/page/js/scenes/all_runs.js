// Scene 5, all runs: a map of learning rate and width, coloured by the curvature at the end.
import { Atlas } from "../atlas.js";
import { Frame, surface } from "../frame.js";
import { bisect, DIVERGENT, LAZY } from "../phase.js";
import { samplePython } from "../python.js";
import { ending, sampleRun } from "../run.js";
import { few, fixed, width } from "../words.js";
import { viewed, zoomable } from "../zoom.js";
import { archFrame, drawArch, SAMPLE_CONTROLS, sayEnd } from "./arch.js";
import { drawScale } from "./scale.js";

const { C, N, Y, F } = SAMPLE_CONTROLS;
const WHOLE = { x: [0, 4.6], y: [2, 12] };

export const allRuns = {
  id: "5",
  derivation: () => "edge-map",
  start: { c: 3.2, n: 1e6, y: 0, f: 1, x0: 0, x1: 4.6, y0: 2, y1: 12, t: 0, g: "", h: "" },
  limits: { c: [0.01, 4.6], n: [100, 1e12], y: [-10, 10], f: [0.01, 10], x0: [0, 4.6], x1: [0, 4.6], y0: [2, 12], y1: [2, 12], t: [0, 1e4] },
  controls: [C, N, Y, F].map((one) => (one === C ? { ...C, max: 4.6, step: 0.001 } : one)),
  physics: ["c", "n", "y", "f"],
  setup(stage) {
    stage.atlas = new Atlas("width", () => stage.redraw());
    const keep = ([c, logn]) => stage.set({ c: Math.max(0.01, Number(c.toFixed(4))), n: 10 ** logn, t: 0 });
    zoomable(stage, WHOLE, () => [stage.values.c, Math.log10(stage.values.n)], keep);
  },
  run: sampleRun,
  python: (values, run) => `${samplePython(values, run.steps)}\n\n${mapPython(values)}`,
  guess: {
    question: "Two edges cut this map from top to bottom: where runs stop being lazy, and where they stop converging. Where are they?",
    kind: "edges",
    min: 0,
    max: 4.6,
    step: 0.05,
    from: 1,
    show: (value) => fixed(value),
    answer(first, second) {
      const [low, high] = edges({ n: 1e6, y: 0, f: 1 });
      const off = [Math.abs(first - low), Math.abs(second - high)].map((gap) => fixed(gap));
      return `At width one million they are at ${few(low, 6)} and ${few(high, 6)}, found now by halving; you were ${off[0]} and ${off[1]} off.`;
    },
  },
  draw(canvas, run, t, values, stage) {
    if (!(values.x1 > values.x0 && values.y1 > values.y0)) Object.assign(values, viewed(WHOLE));
    const sheet = surface(canvas);
    const { wide, high, colours } = sheet;
    const beside = wide > 640;
    const box = beside ? [0, 0, wide * 0.64, high] : [0, 0, wide, high * 0.62];
    const frame = new Frame(sheet, { x: [values.x0, values.x1], y: [values.y0, values.y1], box, left: 58, top: 34 });
    stage.frame = frame;
    const size = { wide: pixels(frame.right - frame.left), high: pixels(frame.bottom - frame.top) };
    stage.atlas.request({ x: frame.x, y: frame.y, f: values.f, label: values.y }, size);
    stage.atlas.draw(frame);
    frame.axes({ xlabel: "learning rate  c = ηλ₀", ylabel: "width  n", logy: true });
    drawScale(frame, "final curvature ηλ");
    for (const [name, value] of [["g", values.g], ["h", values.h]]) {
      if (value !== "") frame.mark(Number(value), name === "g" ? "your first edge" : "your second edge", colours.ink, { row: name === "g" ? 0 : 1 });
    }
    const at = stage.hover ?? [values.c, Math.log10(values.n)];
    frame.inside(() => frame.dot(...at, 6, "#00000000", "#ffffff", 4));
    frame.inside(() => frame.dot(...at, 6, "#00000000", colours.ink === "" ? "#000000" : "#14202c", 2));
    const rest = beside ? [wide * 0.64, 0, wide * 0.36, high] : [0, box[3], wide, high - box[3]];
    const shown = stage.hover ? hovered(values, stage.hover) : run;
    drawArch(archFrame(sheet, shown, { box: rest, left: 60, top: beside ? 34 : 8 }), shown, stage.hover ? shown.steps : t);
  },
  numbers(run, t, values, stage) {
    const shown = stage?.hover ? hovered(values, stage.hover) : run;
    return [
      ["c", few(shown.values.c, 4)],
      ["width", width(shown.values.n)],
      ["final ηλ", few(shown.end.curvature, 4)],
      ["peak loss", few(shown.end.peakLoss)],
    ];
  },
  say(run, t, values, stage) {
    const shown = stage?.hover ? hovered(values, stage.hover) : run;
    return `c = ${few(shown.values.c, 4)}, width ${width(shown.values.n)}. ${sayEnd(shown)}`;
  },
};

/** Return where runs stop being lazy, and where they start to diverge, by halving. */
export function edges(values) {
  const first = bisect((c) => ending({ ...values, c }).phase !== LAZY, 0.5, 3.5);
  const last = bisect((c) => ending({ ...values, c }).phase === DIVERGENT, 2.5, 6);
  return [first, last];
}

function pixels(length) {
  return Math.max(60, Math.min(700, Math.round(length * Math.min(window.devicePixelRatio || 1, 1.5))));
}

function hovered({ y, f }, [c, logn]) {
  return sampleRun({ c: Math.max(c, 0.01), n: 10 ** logn, y, f });
}

function mapPython({ x0, x1, y0, y1, f, y }) {
  return [
    "# the map around it",
    "import numpy as np",
    `c, n = np.linspace(${x0}, ${x1}, 151)[1:], np.logspace(${y0}, ${y1}, 140)[:, None]`,
    "unit = c / 2 / np.sqrt(n)",
    "residual_map = cs.symbolic.linear_net.residual_map()",
    `found = cs.phase_map(residual_map, D=unit * ${f - y}, Lam=c, Y=unit * ${y})`,
    'print(found.state["Lam"])  # the final curvature',
  ].join("\n");
}
