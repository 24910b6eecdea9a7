// Scene 7a, a label: the edge is still straight, and where it ends doubles its period.
import { Atlas } from "../atlas.js";
import { element } from "../dom.js";
import { Frame, surface } from "../frame.js";
import { CATAPULT, DIVERGENT, emptyOutcome, LAZY, outcome } from "../phase.js";
import { literal } from "../python.js";
import { balancedMap, residualMap } from "../rules.js";
import { HORIZON, orbit, remembered } from "../run.js";
import { faded } from "../theme.js";
import { few, fixed } from "../words.js";
import { drawPath, lineColour } from "./drawing.js";
import { drawScale } from "./scale.js";

export const labelScene = {
  id: "7a",
  derivation: () => "residual-map",
  start: { Y: 0.7, F: 0.2, Lam: 3.4, t: 0, g: "" },
  limits: { Y: [0, 1.9], F: [-2.2, 3.4], Lam: [0.05, 6.4], t: [0, 400] },
  controls: [
    { name: "Y", label: "label Y", min: 0, max: 1.9, step: 0.01 },
    { name: "F", label: "first output F", min: -2, max: 3, step: 0.01 },
    { name: "Lam", label: "first ηλ", min: 0.05, max: 6.3, step: 0.01 },
  ],
  setup(stage) {
    stage.atlas = new Atlas("plane", () => stage.redraw());
    stage.canvas.addEventListener("click", (event) => {
      const box = stage.canvas.getBoundingClientRect();
      const [px, py] = [event.clientX - box.left, event.clientY - box.top];
      if (!stage.frame?.contains(px, py)) return;
      const [F, Lam] = stage.frame.at(px, py).map((value) => Number(value.toFixed(2)));
      stage.set({ F, Lam, t: 0 });
    });
  },
  run({ Y, F, Lam }) {
    const stop = ([D]) => Math.abs(D) < 1e-6 || !(Math.abs(D) < 1e3);
    const states = orbit((state, out) => residualMap(state, Y, out), [F - Y, Lam], stop, 300);
    const end = outcome(F - Y, Lam, Y, HORIZON / 10, emptyOutcome());
    return { values: { Y, F, Lam }, states, end, steps: states.length - 1, period: end.phase === 0 ? periodOf(end.state, Y) : 1 };
  },
  python: ({ Y, F, Lam }, run) =>
    [
      "import catapult_sim as cs",
      "",
      "rule = cs.symbolic.linear_net.residual_map()",
      `run = cs.iterate(rule, [${literal(F)} - ${literal(Y)}, ${literal(Lam)}], Y=${literal(Y)}, steps=${run.steps})`,
      'print(run.values["loss"])',
    ].join("\n"),
  guess: {
    question: "With a label, the run starts at ηλ₀ = 4.1. Must it diverge, as it must without a label?",
    kind: "choice",
    options: { yes: "yes, wherever it starts", some: "that depends on where it starts", no: "no, never" },
    answer(choice) {
      const at = (F) => outcome(F - 0.7, 4.1, 0.7, HORIZON, emptyOutcome()).phase;
      const phases = [0, 0.4, 0.8, 1.2, 1.6, 2].map(at);
      const diverged = phases.filter((one) => one === DIVERGENT).length;
      const truth = diverged === 0 ? "no" : diverged === phases.length ? "yes" : "some";
      return `${choice === truth ? "Yes" : "No"}: at Y = 0.7, of six first outputs from 0 to 2, ${diverged} diverge.`;
    },
  },
  draw(canvas, run, t, { Y }, stage) {
    const sheet = surface(canvas);
    const { wide, high, colours } = sheet;
    const beside = wide > 620;
    const box = beside ? [0, 0, wide * 0.6, high] : [0, 0, wide, high * 0.6];
    const frame = new Frame(sheet, { x: [-2.1, 3.2], y: [0, 6.4], box, left: 54, top: 34 });
    stage.frame = frame;
    const size = { wide: Math.round(Math.min(520, frame.right - frame.left)), high: Math.round(Math.min(520, frame.bottom - frame.top)) };
    stage.atlas.request({ x: frame.x, y: frame.y, Y }, size);
    stage.atlas.draw(frame);
    frame.inside(() => frame.line([[Y - 2, 4 - 2 * Y], [Y + 2, 4 + 2 * Y]], colours.ink, { width: 1.8 }));
    frame.letters("4 + YD", frame.X(Math.min(Y + 2, 3.1)) - 6, frame.Y(4 + Y * Math.min(2, 3.1 - Y)) + 20, { colour: colours.ink, align: "right", halo: true });
    frame.axes({ xlabel: "output  F", ylabel: "curvature  ηλ" });
    drawScale(frame, "final ηλ");
    drawPath(frame, run.states.map(([D, Lam]) => [D + Y, Lam]), t, run.end.phase === CATAPULT || run.end.phase === LAZY ? "#35c4dc" : lineColour(colours, run.end.phase));
    drawDoubling(sheet, Y, beside ? [wide * 0.6, 0, wide * 0.4, high] : [0, high * 0.6, wide, high * 0.4], colours);
  },
  numbers(run, t) {
    const [D, Lam] = run.states[t];
    return [
      ["step", String(t)],
      ["residual D", few(D)],
      ["ηλ", fixed(Lam, 3)],
      ["edge 4 + YD", fixed(4 + run.values.Y * D, 3)],
    ];
  },
  say(run) {
    const { Y, F, Lam } = run.values;
    if (Lam < 2 * Math.abs(F)) return `No weights have an output of ${fixed(F)} and a curvature of ${fixed(Lam)} only.`;
    if (F === Y) return "The output is the label already: no step moves it.";
    const gap = 4 + Y * (F - Y) - Lam;
    const start = `The start is ${fixed(Math.abs(gap))} ${gap >= 0 ? "below" : "above"} the edge 4 + YD.`;
    if (run.end.phase === DIVERGENT) return `${start} It diverges: a step multiplies this distance by 1 + FD, never by less than 1 − Y²/4.`;
    if (run.end.phase === LAZY) return `${start} Lazy: it converges, at ηλ = ${fixed(run.end.curvature)}.`;
    if (run.end.phase === CATAPULT) return `${start} Catapult: it converges, at ηλ = ${fixed(run.end.curvature)}.`;
    const why = Y >= 1 ? "a label of 1 or more, where no minimum attracts" : "here";
    return run.period ? `${start} It stays for ever on an orbit of period ${run.period}: ${why}.` : `${start} It stays bounded and never settles: ${why}.`;
  },
};

/** Return the period of the orbit from a state of the edge map, up to 16; 0 where there is none. */
function periodOf([D, E], Y) {
  const state = Float64Array.of(D, E + 4 + Y * D);
  const start = Float64Array.from(state);
  for (let k = 1; k <= 16; k++) {
    residualMap(state, Y);
    if (Math.abs(state[0] - start[0]) + Math.abs(state[1] - start[1]) < 1e-7) return k;
  }
  return 0;
}

/** Draw where the balanced network ends, for every label: its period doubles on the way to chaos. */
function drawDoubling(sheet, Y, box, colours) {
  const frame = new Frame(sheet, { x: [0, 2], y: [-2, 2], box, left: 54, top: 34 });
  const [wide, high] = [frame.right - frame.left, frame.bottom - frame.top].map((size) => Math.round(2 * size));
  const picture = doubling({ wide, high, ink: colours.ink });
  frame.pen.drawImage(picture, frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
  frame.axes({ xlabel: "label  Y", ylabel: "last residuals D, u = v" });
  frame.mark(Y, "Y", colours["catapult-ink"], { dash: [] });
}

/** The diagram as a picture: a point for each of the last steps at each label. */
const doubling = remembered(({ wide, high, ink }) => {
  const picture = element("canvas", { width: wide, height: high });
  const pen = picture.getContext("2d");
  pen.fillStyle = faded(ink, 0.5);
  const state = new Float64Array(1);
  for (let i = 0; i < wide; i++) {
    const label = (2 * (i + 0.5)) / wide;
    state[0] = 0.3;
    for (let k = 0; k < 280; k++) {
      balancedMap(state, label);
      if (k >= 200) pen.fillRect(i, high * (0.5 - (state[0] - label) / 4), 1, 1);
    }
  }
  return picture;
});
