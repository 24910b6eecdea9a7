// Maps: how runs end, over a rectangle of starts.
import { CATAPULT, DIVERGENT, emptyOutcome, LAZY, outcome, UNDECIDED } from "./phase.js";
import { LAMBDA_0 } from "./run.js";
import { heavyBall } from "./rules.js";

const LIMIT = 4000; // steps of one cell

/** Return phases and final curvatures of rows first to last of a map of c and log10 of the width. */
function widthRows({ x, y, wide, high, f, label }, first, last) {
  return rows(wide, first, last, (i, j, found) => {
    const c = between(x, i, wide);
    const unit = c / LAMBDA_0 / Math.sqrt(10 ** between(y, high - 1 - j, high));
    outcome(unit * (f - label), c, unit * label, LIMIT, found);
  });
}

/** The same over the initial output F and curvature Lam, at a label Y; no weights have Lam < 2|F|. */
function planeRows({ x, y, wide, high, Y }, first, last) {
  return rows(wide, first, last, (i, j, found) => {
    const [F, Lam] = [between(x, i, wide), between(y, high - 1 - j, high)];
    if (Lam < 2 * Math.abs(F)) Object.assign(found, { phase: 255, curvature: NaN });
    else outcome(F - Y, Lam, Y, LIMIT, found);
  });
}

/** The same over c and momentum beta, at one width. */
function momentumRows({ x, y, wide, high, n, f }, first, last) {
  return rows(wide, first, last, (i, j, found) => {
    momentumOutcome(between(x, i, wide), between(y, high - 1 - j, high), n, f, LIMIT, found);
  });
}

function rows(wide, first, last, cell) {
  const phase = new Uint8Array((last - first) * wide);
  const curvature = new Float32Array(phase.length);
  const found = emptyOutcome();
  for (let j = first, k = 0; j < last; j++) {
    for (let i = 0; i < wide; i++, k++) {
      cell(i, j, found);
      phase[k] = found.phase;
      curvature[k] = found.curvature;
    }
  }
  return { phase, curvature };
}

/** Return the value in the middle of cell i of count. */
function between([low, high], i, count) {
  return low + ((i + 0.5) / count) * (high - low);
}

const moving = new Float64Array(4);

/** Return the start p, q of the one-sample network of width n, output f and curvature 2. */
export function factors(n, f) {
  const half = LAMBDA_0 * n / 2;
  return [Math.sqrt(half + Math.sqrt(n) * f), Math.sqrt(half - Math.sqrt(n) * f)];
}

/** Return output and curvature of the two factors. */
export function ofFactors([p, q], n) {
  return [((p - q) * (p + q)) / (2 * Math.sqrt(n)), (p * p + q * q) / n];
}

/**
 * Iterate heavy ball to its end, label zero.
 *
 * It has converged where the minimum it is at attracts, eta lambda < 2 (1 + beta), and what could
 * still move it away from there is small: output and velocity. It is lazy where the linear theory
 * says that it converges, c < 2 (1 + beta), and a catapult beyond.
 */
export function momentumOutcome(c, beta, n, f, limit, found) {
  const eta = c / LAMBDA_0;
  const edge = 2 * (1 + beta);
  const small = (1e-3 * eta * Math.abs(f)) / Math.sqrt(n);
  const first = Math.abs(f);
  [moving[0], moving[1]] = factors(n, f);
  moving[2] = moving[3] = 0;
  let peak = first;
  let [output, curvature] = [f, LAMBDA_0];
  let phase = UNDECIDED;
  let t = 0;
  for (; t < limit; t++) {
    const size = Math.abs(output);
    if (size > peak) peak = size;
    if (!(size < 1e100)) {
      phase = DIVERGENT;
      break;
    }
    const speed = Math.hypot(moving[2], moving[3]) * Math.sqrt(eta / n);
    if (eta * curvature < edge - 4 * speed && (eta * size) / Math.sqrt(n) < small && speed < Math.sqrt(small)) {
      phase = c < edge ? LAZY : CATAPULT;
      break;
    }
    heavyBall(moving, eta, beta, n, 0);
    output = ((moving[0] - moving[1]) * (moving[0] + moving[1])) / (2 * Math.sqrt(n));
    curvature = (moving[0] * moving[0] + moving[1] * moving[1]) / n;
  }
  return Object.assign(found, { phase, curvature: eta * curvature, peak, steps: t });
}

/** The maps by their names: each returns rows of a picture. */
export const MAPS = { hero: widthRows, width: widthRows, plane: planeRows, momentum: momentumRows };
