// Scene 5, all runs: a map of learning rate and width, coloured by the curvature at the end.
import { Atlas } from "../atlas.js";
import { Frame, surface } from "../frame.js";
import { bisect, DIVERGENT, LAZY } from "../phase.js";
import { samplePython } from "../python.js";
import { ending, sampleRun } from "../run.js";
import { few, fixed, width } from "../words.js";
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
    zoomable(stage);
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
    if (!(values.x1 > values.x0 && values.y1 > values.y0)) Object.assign(values, whole());
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

/** Let a map be zoomed by wheel, pinch and keys, moved by dragging, and asked by hovering. */
function zoomable(stage) {
  const { canvas } = stage;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const view = () => stage.values;
  canvas.addEventListener("wheel", (event) => {
    if (!stage.frame?.contains(...place(event))) return;
    event.preventDefault();
    const scale = Math.exp(Math.max(-80, Math.min(80, event.deltaY)) * 0.004);
    stage.set(zoomed(view(), stage.frame.at(...place(event)), scale));
  }, { passive: false });
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (!stage.frame?.contains(...place(event))) return;
    canvas.setPointerCapture(event.pointerId);
    held = { from: place(event), moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    if (held && Math.hypot(now[0] - held.from[0], now[1] - held.from[1]) > 4) {
      const [a, b] = [stage.frame.at(...held.from), stage.frame.at(...now)];
      stage.set(moved(view(), a[0] - b[0], a[1] - b[1]));
      held = { from: now, moved: true };
      stage.hover = null;
    } else if (!held) {
      stage.hover = stage.frame?.contains(...now) ? stage.frame.at(...now) : null;
      stage.redraw();
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (held && !held.moved) {
      const [c, logn] = stage.frame.at(...place(event));
      stage.set({ c: Math.max(0.01, Number(c.toFixed(4))), n: 10 ** logn, t: 0 });
    }
    held = null;
  });
  canvas.addEventListener("pointerleave", () => {
    stage.hover = null;
    stage.redraw();
  });
  canvas.addEventListener("dblclick", () => stage.set(whole()));
  canvas.addEventListener("keydown", (event) => {
    const scale = { "+": 0.7, "=": 0.7, "-": 1 / 0.7 }[event.key];
    if (event.key === "0") stage.set(whole());
    if (scale) stage.set(zoomed(view(), [view().c, Math.log10(view().n)], scale));
  });
}

function whole() {
  return { x0: WHOLE.x[0], x1: WHOLE.x[1], y0: WHOLE.y[0], y1: WHOLE.y[1] };
}

/** Return the view scaled about a point, within the whole map. */
function zoomed({ x0, x1, y0, y1 }, [x, y], scale) {
  const [a, b] = fitted(x - (x - x0) * scale, x + (x1 - x) * scale, WHOLE.x);
  const [c, d] = fitted(y - (y - y0) * scale, y + (y1 - y) * scale, WHOLE.y);
  return b - a < 1e-6 || d - c < 1e-5 ? {} : { x0: a, x1: b, y0: c, y1: d };
}

function moved({ x0, x1, y0, y1 }, dx, dy) {
  const [a, b] = fitted(x0 + dx, x1 + dx, WHOLE.x);
  const [c, d] = fitted(y0 + dy, y1 + dy, WHOLE.y);
  return { x0: a, x1: b, y0: c, y1: d };
}

/** Return an interval moved and cut to lie within another. */
function fitted(low, high, [first, last]) {
  const size = Math.min(high - low, last - first);
  const start = Math.min(Math.max(low, first), last - size);
  return [start, start + size];
}
