// A real network, 64-128-1 in the NTK parametrisation, trained by gradient descent. No autodiff.
import { following, uniform } from "./lehmer.js";

const PIXELS = 64;
const WIDTH = 128;

/** Each activation with its slope and its gain. */
const ACTIVATIONS = {
  relu: { value: (z) => (z > 0 ? z : 0), slope: (z) => (z > 0 ? 1 : 0), gain: Math.SQRT2 },
  tanh: { value: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2, gain: 1 },
  linear: { value: (z) => z, slope: () => 1, gain: 1 },
};

/** Return images (m x 64) and labels -1, even, or +1, odd, from one letter for each pixel. */
function unpacked({ pixels, labels, mean, deviation, trained }) {
  const X = Float64Array.from(pixels, (letter) => (letter.charCodeAt(0) - 97 - mean) / deviation);
  const y = Float64Array.from(labels, (digit) => 2 * (Number(digit) % 2) - 1);
  const cut = trained * PIXELS;
  return { X: X.slice(0, cut), y: y.slice(0, trained), heldX: X.slice(cut), heldY: y.slice(trained) };
}

/** Return numbers from N(0, 1), the same in every language: those of a Lehmer generator, in pairs. */
function normals(size, seed) {
  let number = seed;
  const drawn = Float64Array.from({ length: 2 * size }, () => uniform((number = following(number))));
  const circle = (k) => Math.cos(2 * Math.PI * drawn[size + k]);
  return Float64Array.from({ length: size }, (_, k) => Math.sqrt(-2 * Math.log(drawn[k])) * circle(k));
}

/** Return a network at its start, with what training needs. */
export function network({ digits, activation, seed, c }) {
  const data = unpacked(digits);
  const theta = normals((PIXELS + 1) * WIDTH, seed);
  const model = { theta, data, activation: ACTIVATIONS[activation], t: 0, top: null };
  model.gram = gram(data.X);
  const passed = forward(model, data.X);
  model.eta = c / topEigenvalue(kernel(model, passed), model, 1e-15, 5000);
  return model;
}

/** Return inner products of all pairs of rows, m x m. */
function gram(X) {
  const m = X.length / PIXELS;
  const G = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < PIXELS; k++) sum += X[i * PIXELS + k] * X[j * PIXELS + k];
      G[i * m + j] = G[j * m + i] = sum;
    }
  }
  return G;
}

/** Return preactivations z (m x width), their values h, and the outputs f (m). */
export function forward({ theta, activation }, X) {
  const m = X.length / PIXELS;
  const z = new Float64Array(m * WIDTH);
  const h = new Float64Array(m * WIDTH);
  const f = new Float64Array(m);
  const last = PIXELS * WIDTH;
  for (let i = 0; i < m; i++) {
    const row = i * WIDTH;
    for (let p = 0; p < PIXELS; p++) {
      const x = X[i * PIXELS + p] / Math.sqrt(PIXELS);
      const from = p * WIDTH;
      for (let k = 0; k < WIDTH; k++) z[row + k] += x * theta[from + k];
    }
    let sum = 0;
    for (let k = 0; k < WIDTH; k++) {
      h[row + k] = activation.value(z[row + k]);
      sum += h[row + k] * theta[last + k];
    }
    f[i] = (activation.gain * sum) / Math.sqrt(WIDTH);
  }
  return { z, h, f };
}

/** Return the gradient of the loss (1 / 2m) sum (f - y)^2, by hand: one line for each layer. */
export function gradient({ theta, activation }, { X, y }, { z, h, f }) {
  const m = y.length;
  const out = new Float64Array(theta.length);
  const last = PIXELS * WIDTH;
  const s = new Float64Array(WIDTH);
  for (let i = 0; i < m; i++) {
    const error = ((f[i] - y[i]) / m) * (activation.gain / Math.sqrt(WIDTH));
    for (let k = 0; k < WIDTH; k++) {
      out[last + k] += error * h[i * WIDTH + k];
      s[k] = (error * theta[last + k] * activation.slope(z[i * WIDTH + k])) / Math.sqrt(PIXELS);
    }
    for (let p = 0; p < PIXELS; p++) {
      const x = X[i * PIXELS + p];
      for (let k = 0; k < WIDTH; k++) out[p * WIDTH + k] += x * s[k];
    }
  }
  return out;
}

/** Return the neural tangent kernel (1 / m) J J^T of the training images. */
export function kernel({ theta, activation, gram: G, data }, { z, h }) {
  const m = data.y.length;
  const last = PIXELS * WIDTH;
  const signal = z.map((value, i) => theta[last + (i % WIDTH)] * activation.slope(value));
  const scale = activation.gain ** 2 / WIDTH / m;
  const K = new Float64Array(m * m);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) {
      let [first, second] = [0, 0];
      for (let k = 0; k < WIDTH; k++) {
        first += signal[i * WIDTH + k] * signal[j * WIDTH + k];
        second += h[i * WIDTH + k] * h[j * WIDTH + k];
      }
      K[i * m + j] = K[j * m + i] = scale * ((first * G[i * m + j]) / PIXELS + second);
    }
  }
  return K;
}

/** Return the top eigenvalue by the power method, from the last eigenvector of the model. */
export function topEigenvalue(K, model, tolerance, limit) {
  const m = Math.round(Math.sqrt(K.length));
  let vector = model.top ?? new Float64Array(m).fill(1 / Math.sqrt(m));
  let value = 0;
  for (let step = 0; step < limit; step++) {
    const next = new Float64Array(m);
    for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) next[i] += K[i * m + j] * vector[j];
    const length = Math.hypot(...next);
    const before = value;
    value = length;
    if (!(length > 0)) return length;
    vector = next.map((entry) => entry / length);
    if (Math.abs(value - before) <= tolerance * value) break;
  }
  model.top = Number.isFinite(value) ? vector : null;
  return value;
}

/** Measure the model, then take one step of gradient descent. */
export function trainingStep(model) {
  const { data, theta, eta } = model;
  const passed = forward(model, data.X);
  const m = data.y.length;
  const loss = passed.f.reduce((sum, f, i) => sum + (f - data.y[i]) ** 2, 0) / (2 * m);
  const curvature = topEigenvalue(kernel(model, passed), model, 1e-13, 1000);
  const held = forward(model, data.heldX).f;
  const right = held.reduce((count, f, i) => count + (f * data.heldY[i] > 0), 0);
  const row = { t: model.t, loss, curvature, accuracy: right / held.length };
  const slope = gradient(model, data, passed);
  for (let k = 0; k < theta.length; k++) theta[k] -= eta * slope[k];
  model.t += 1;
  return row;
}
