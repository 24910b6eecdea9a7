// Phases of the network on one sample, decided by a region that nothing leaves, not by a horizon.
import { edgeMap } from "./rules.js";

export const UNDECIDED = 0;
export const LAZY = 1;
export const CATAPULT = 2;
export const DIVERGENT = 3;
export const PHASES = ["undecided", "lazy", "catapult", "divergent"];

const FLAT = 1e-5; // how far the curvature may still move when it is called final

/** Tell whether a minimum attracts here. State: the residual D, the distance E from the edge. */
export function attracts(D, E, Y) {
  return D === 0 || E + Y * D + 2 * Math.abs(D) < -2;
}

/** Return the first-order estimate of how much the curvature still falls. */
function stillToFall(D, Lam) {
  return (D * D * (4 - Lam)) / (Lam * (2 - Lam));
}

/**
 * Iterate one start to its end.
 *
 * In D = eta (f - y) / sqrt(n), Lam = eta lambda, Y = eta y / sqrt(n). Returns the phase, the final
 * curvature, the largest |D| and the number of steps; all are written into `found`.
 */
export function outcome(D, Lam, Y, limit, found) {
  const state = found.state;
  const start = Math.abs(D);
  const label = Y === 0 ? 0 : 1e-3 * start; // with a label, also wait until the residual is small
  state[0] = D;
  state[1] = Lam - 4 - Y * D;
  let peak = start;
  let trapped = false;
  let steps = 0;
  for (; steps < limit; steps++) {
    const size = Math.abs(state[0]);
    if (size > peak) peak = size;
    if (!(size < Infinity)) break;
    trapped ||= attracts(state[0], state[1], Y) && (Y === 0 || size <= label);
    if (trapped) {
      const now = state[1] + 4 + Y * state[0];
      if (size === 0 || Math.abs(stillToFall(state[0], now)) < FLAT) break;
    }
    edgeMap(state, Y);
  }
  const diverged = !(Math.abs(state[0]) < Infinity);
  found.phase = diverged ? DIVERGENT : !trapped ? UNDECIDED : peak > start ? CATAPULT : LAZY;
  found.curvature = diverged ? Infinity : state[1] + 4 + Y * state[0];
  found.peak = diverged ? Infinity : peak;
  found.steps = steps;
  return found;
}

/** Return what `outcome` writes into. */
export function emptyOutcome() {
  return { state: new Float64Array(2), phase: 0, curvature: 0, peak: 0, steps: 0 };
}

/** Return the place between low and high at which a monotonic test changes from false to true. */
export function bisect(test, low, high) {
  for (let i = 0; i < 60 && high - low > 1e-12 * high; i++) {
    const middle = (low + high) / 2;
    if (test(middle)) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}
