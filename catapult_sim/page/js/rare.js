// Rare catapults: one network, six samples, batches of one; runs differ in the order of samples alone.
import { ahead, following, uniform } from "./lehmer.js";
import { lossAndKernel, oneSampleStep, SAMPLES, SCALES } from "./rules.js";

export const STEPS = 300;
const START = [1, 0, 1, 1, 1, 1]; // U^T U / n, U^T V / sqrt(n), V^T V / n: the mean of their law, output about 1
const CHANGE = 0.05; // of the kernel's eigenvalue: who moved by more has left the first kernel
const EXAMPLES = 12; // runs of either kind whose numbers are kept
const FEW = 20_000; // runs that are counted at widths other than the one that is asked for

/** Return the loss of all samples and the kernel's top eigenvalue. */
function observed(state) {
  return lossAndKernel(state, ...SCALES, [0, 0]);
}

const FIRST = observed(START)[1];

/** Return the learning rate at which the kernel's first eigenvalue times it is c. */
export function rate(c) {
  return c / FIRST;
}

/** Write into `order` which samples a run draws, from the number of the generator before them; return the last. */
function drawInto(order, number) {
  for (let t = 0; t < order.length; t++) {
    number = following(number);
    order[t] = Math.floor(SAMPLES.length * uniform(number));
  }
  return number;
}

function thrown(curvature) {
  return !(Math.abs(curvature / FIRST - 1) <= CHANGE);
}

/** Return a run of width n at c, step by step: the samples drawn, the loss, the kernel's eigenvalue, and whether it is thrown. */
export function replay({ c, n }, index) {
  const order = new Uint8Array(STEPS);
  drawInto(order, ahead(STEPS * index));
  const eta = rate(c);
  const state = Float64Array.from(START);
  const seen = [observed(state)];
  for (const sample of order) seen.push(observed(oneSampleStep(state, eta, n, ...SAMPLES[sample])));
  const [loss, curvature] = [0, 1].map((i) => seen.map((pair) => pair[i]));
  return { index, eta, order, loss, curvature, thrown: thrown(curvature.at(-1)) };
}

/** Return a count that has not begun, of runs that are thrown at several widths; the first is asked for. */
export function newCount({ c, widths, runs }) {
  const none = widths.map(() => 0);
  return { c, widths, runs, number: ahead(0), counted: [...none], thrown: [...none], examples: { thrown: [], kept: [] } };
}

/** Go on with a count by some runs, and return it. */
export function countOn(count, many) {
  const { c, widths, examples } = count;
  const order = new Uint8Array(STEPS);
  const last = Math.min(count.counted[0] + many, count.runs);
  for (let index = count.counted[0]; index < last; index++) {
    count.number = drawInto(order, count.number);
    widths.forEach((n, i) => {
      if (i > 0 && index >= FEW) return;
      const left = endsThrown(order, rate(c), n);
      count.counted[i] += 1;
      if (left) count.thrown[i] += 1;
      const list = examples[left ? "thrown" : "kept"];
      if (i === 0 && list.length < EXAMPLES) list.push(index);
    });
  }
  return count;
}

const now = new Float64Array(START.length);

function endsThrown(order, eta, n) {
  now.set(START);
  for (let t = 0; t < order.length; t++) {
    const sample = SAMPLES[order[t]];
    oneSampleStep(now, eta, n, sample[0], sample[1]);
  }
  return thrown(observed(now)[1]);
}
