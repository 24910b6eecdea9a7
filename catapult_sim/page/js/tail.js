// How rare a large product of random steps is: it reaches R once in about R^theta tries.
import { bisect } from "./phase.js";
import { SAMPLES } from "./rules.js";

const ANGLES = 120; // directions of the plane, up to sign, between which functions are interpolated
const [SMALL, LARGE] = [0.02, 8]; // moments between which theta is looked for

/** Return theta, where the growth rate of moments is zero again: 0 where products grow typically, Infinity where even large moments shrink. */
export function tailExponent(eta) {
  const moves = SAMPLES.map((sample) => turned(eta, sample));
  if (growth(moves, SMALL) >= 0) return 0;
  if (growth(moves, LARGE) < 0) return Infinity;
  return bisect((q) => growth(moves, q) > 0, SMALL, LARGE);
}

/** Return where 1 - 2 eta x x^T, the step of a wide network on one sample, takes each direction, and by how much it stretches it. */
function turned(eta, [x, y]) {
  const [stretch, place] = [new Float64Array(ANGLES), new Float64Array(ANGLES)];
  for (let i = 0; i < ANGLES; i++) {
    const angle = (Math.PI * i) / ANGLES;
    const push = 2 * eta * (x * Math.cos(angle) + y * Math.sin(angle));
    const [a, b] = [Math.cos(angle) - push * x, Math.sin(angle) - push * y];
    stretch[i] = Math.hypot(a, b);
    place[i] = ((Math.atan2(b, a) / Math.PI + 2) * ANGLES) % ANGLES;
  }
  return { stretch, place };
}

/** Return the logarithm of the largest eigenvalue of the transfer operator of the moment q, by the power method. */
function growth(moves, q) {
  const weights = moves.map(({ stretch }) => stretch.map((one) => one ** q / moves.length));
  let [values, rate] = [new Float64Array(ANGLES).fill(1), 0];
  for (let round = 0; round < 200; round++) {
    const next = new Float64Array(ANGLES);
    for (let b = 0; b < moves.length; b++) {
      for (let i = 0; i < ANGLES; i++) next[i] += weights[b][i] * between(values, moves[b].place[i]);
    }
    const [top, before] = [Math.max(...next), rate];
    values = next.map((value) => value / top);
    rate = Math.log(top);
    if (Math.abs(rate - before) < 1e-10) break;
  }
  return rate;
}

/** Return the value at a place between two directions; the last is beside the first. */
function between(values, place) {
  const i = Math.floor(place);
  return values[i] + (place - i) * (values[(i + 1) % ANGLES] - values[i]);
}
