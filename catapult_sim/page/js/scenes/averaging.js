// Scene 7d, averaging: the mean of many iterates is as quiet as a smaller learning rate, and sooner.
import { Frame, surface } from "../frame.js";
import { literal } from "../python.js";
import { minibatchAveraged, stationaryVariances } from "../rules.js";
import { orbit } from "../run.js";
import { faded } from "../theme.js";
import { few, fixed } from "../words.js";

const STEPS = 300;
const FAR = 3; // the first iterate, in deviations of the minibatches' minima

export const averagingScene = {
  id: "7d",
  derivation: () => "minibatch-averaged",
  start: { a: 0.6, gamma: 0.9, t: 120, g: "" },
  limits: { a: [0.02, 1.96], gamma: [0, 0.99], t: [0, STEPS] },
  controls: [
    { name: "a", label: "learning rate a = ηh", min: 0.02, max: 1.96, step: 0.02, keeps: true },
    { name: "gamma", label: "decay γ of the average", min: 0, max: 0.99, step: 0.01, keeps: true },
  ],
  run({ a, gamma }) {
    const [sgd, ema] = stationaryVariances([], a, gamma, [0, 0]);
    const equivalent = (2 * ema) / (1 + ema); // the rate at which SGD itself is as quiet
    const states = moments(a, gamma);
    const slow = moments(equivalent, 0);
    return { values: { a, gamma }, states, slow, sgd, ema, equivalent, steps: STEPS };
  },
  python: ({ a, gamma }) =>
    [
      "import catapult_sim as cs",
      "",
      "rule = cs.symbolic.minibatch.averaged_moments()",
      `start = [${literal(FAR)}, ${literal(FAR)}, 0.0, 0.0, 0.0]  # means of x and y, then their covariance`,
      `run = cs.iterate(rule, start, a=${literal(a)}, gamma=${literal(gamma)}, steps=${STEPS},`,
      '                 observe={"moments": lambda now: now})',
      'print(run.values["moments"])',
    ].join("\n"),
  guess: {
    question: "Minibatches disagree about where the minimum is, so SGD never rests. An average of its iterates is quieter. What else is as quiet?",
    kind: "choice",
    options: { small: "SGD with a smaller learning rate", large: "SGD with a larger learning rate", none: "nothing that SGD could do" },
    answer(choice) {
      const { equivalent } = averagingScene.run({ a: 0.6, gamma: 0.9 });
      const truth = equivalent < 0.6 ? "small" : "large";
      return `${choice === truth ? "Yes" : "No"}: at a = 0.6 and γ = 0.9 the average is as quiet as SGD with a = ${few(equivalent)}.`;
    },
  },
  draw(canvas, run, t) {
    const sheet = surface(canvas);
    const { colours } = sheet;
    const error = (mean, variance) => Math.log10(mean * mean + variance);
    const frame = new Frame(sheet, { x: [0, STEPS], y: [-2.8, 1.3], left: 60 });
    frame.axes({ xlabel: "step", ylabel: "mean squared error", logy: true });
    const curves = [
      ["SGD", run.states.map((s) => error(s[0], s[2])), colours["catapult-ink"], []],
      ["its average", run.states.map((s) => error(s[1], s[4])), colours["lazy-ink"], []],
      [`SGD with a = ${few(run.equivalent)}`, run.slow.map((s) => error(s[0], s[2])), colours["divergent-ink"], [7, 4]],
    ];
    frame.inside(() => {
      for (const level of [run.sgd, run.ema]) {
        if (level > 0) frame.line([[0, Math.log10(level)], [STEPS, Math.log10(level)]], faded(colours.soft, 0.5), { width: 1, dash: [2, 4] });
      }
      for (const [, list, colour, dash] of curves) {
        frame.line(list.map((y, k) => [k, y]), colour, { width: 2.4, dash });
        frame.dot(t, list[t], 5, colour, colours.card);
      }
    });
    curves.forEach(([name, , colour], i) => frame.letters(name, frame.right - 14, frame.top + (24 + 19 * i) * frame.scale, { align: "right", colour, halo: true }));
  },
  numbers: (run, t) => [
    ["step", String(t)],
    ["variance of SGD", few(run.states[t][2])],
    ["of its average", few(run.states[t][4])],
    ["ends at", `${few(run.sgd)} and ${few(run.ema)}`],
  ],
  say(run) {
    const { a, gamma } = run.values;
    const [early, late] = [settled(run.states.map((s) => s[1])), settled(run.slow.map((s) => s[0]))];
    const when = early < late ? `${late - early} steps sooner` : early > late ? `${early - late} steps later` : "at the same step";
    const quiet = `In the end the average has ${few(run.sgd / run.ema, 2)} times less variance than the iterate`;
    if (gamma === 0) return "γ = 0: the average is the iterate itself.";
    return `${quiet}, as SGD would have with a = ${few(run.equivalent)} in place of ${fixed(a)}; it has forgotten the start ${when}.`;
  },
};

function moments(a, gamma) {
  const start = [FAR, FAR, 0, 0, 0];
  return orbit((state, out) => minibatchAveraged(state, a, gamma, out), start, () => false, STEPS);
}

/** Return when a mean has come down to a hundredth of its start for good. */
function settled(means) {
  const last = means.findLastIndex((mean) => Math.abs(mean) > FAR / 100);
  return last + 1;
}
