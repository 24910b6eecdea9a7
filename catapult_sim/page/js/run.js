// Runs: a rule iterated from a start, state after state.
import { infiniteWidthMap, labelledSampleMap, sampleMap } from "./rules.js";
import { attracts, emptyOutcome, outcome } from "./phase.js";

export const LAMBDA_0 = 2; // of the one-sample network, whose weights start with variance one
export const HORIZON = 1e6; // steps after which an end is called undecided

/** Apply `step(state, out)` until `stop(state, t)` or the limit; return the list of states. */
export function orbit(step, start, stop, limit) {
  const states = [Float64Array.from(start)];
  while (states.length <= limit && !stop(states.at(-1), states.length - 1)) {
    const next = new Float64Array(start.length);
    step(states.at(-1), next);
    states.push(next);
  }
  return states;
}

/** Return the step of the network on one sample at learning rate eta. */
function sampleStep(eta, n, y) {
  if (y !== 0) return (state, out) => labelledSampleMap(state, eta, n, y, out);
  if (n === Infinity) return (state, out) => infiniteWidthMap(state, eta, out);
  return (state, out) => sampleMap(state, eta, n, out);
}

/** Return start values in units without width and learning rate: residual D, Lam, label Y. */
export function scaled({ c, n, y, f }, curvature = LAMBDA_0) {
  const unit = c / curvature / Math.sqrt(n);
  return { D: unit * (f - y), Lam: c, Y: unit * y };
}

/** Return how a run ends: phase, final curvature eta lambda, peak loss, steps. */
export function ending(values, curvature = LAMBDA_0) {
  const { D, Lam, Y } = scaled(values, curvature);
  if (values.n === Infinity) return linearEnding(values);
  const found = outcome(D, Lam, Y, HORIZON, emptyOutcome());
  const growth = D === 0 ? 1 : (found.peak / Math.abs(D)) ** 2;
  return { ...found, peakLoss: (growth * (values.f - values.y) ** 2) / 2 };
}

/** At infinite width nothing bends: the residual is multiplied by 1 - c for ever. */
function linearEnding({ c, y, f }) {
  const loss = (f - y) ** 2 / 2;
  const phase = c < 2 ? 1 : c > 2 ? 3 : 0;
  return { phase, curvature: c, peakLoss: phase === 3 ? Infinity : loss, steps: 0 };
}

/** Run the network on one sample until it has settled, or left every scale. */
export function sampleRun(values, limit = 500) {
  const { c, n, y, f } = values;
  const eta = c / LAMBDA_0;
  const first = Math.abs(f - y);
  const root = Math.sqrt(n);
  const stop = ([output, lam]) => {
    const r = Math.abs(output - y);
    const D = (eta * (output - y)) / root;
    const E = eta * lam - 4 - ((eta * y) / root) * D;
    const settled = r <= 1e-4 * first && (n === Infinity ? c < 2 : attracts(D, E, (eta * y) / root));
    return settled || !(r < 1e3 * Math.min(root * 10, 1e150)) || r === 0;
  };
  const states = orbit(sampleStep(eta, n, y), [f, LAMBDA_0], stop, limit);
  const loss = states.map(([output]) => (output - y) ** 2 / 2);
  return { values, eta, states, loss, end: ending(values), steps: states.length - 1 };
}

/** Return the step at which a list is largest; not-a-number counts as infinite. */
export function peakOf(list) {
  let best = 0;
  for (let t = 1; t < list.length; t++) if (!(list[t] <= list[best])) best = t;
  return best;
}

/** Keep the last answer of a function of plain values. */
export function remembered(compute) {
  let key = null;
  let last = null;
  return (values) => {
    const now = JSON.stringify(values, (_, value) => (value === Infinity ? "inf" : value));
    if (now !== key) [key, last] = [now, compute(values)];
    return last;
  };
}
