// Numbers as people say them.

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Return an integer power of ten, such as 10⁶ or 10⁻³. */
export function tenTo(exponent) {
  const digits = [...String(Math.abs(exponent))].map((digit) => RAISED[digit]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** Return a number with three digits, and a power of ten only where one must. */
export function few(value, digits = 3) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return (value < 0 ? "−" : "") + grouped(String(size));
  if (size < 1e-3 || size >= 1e6) return withPower(value, digits);
  const whole = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const text = size >= 1000 ? String(Math.round(size)) : size.toFixed(whole);
  return (value < 0 ? "−" : "") + grouped(text);
}

function withPower(value, digits) {
  const [mantissa, exponent] = Math.abs(value).toExponential(digits - 1).split("e");
  const power = tenTo(Number(exponent));
  const plain = Number(mantissa) === 1 ? power : `${mantissa} × ${power}`;
  return (value < 0 ? "−" : "") + plain;
}

function grouped(text) {
  return text.length > 4 && !text.includes(".") ? text.replace(/\B(?=(\d{3})+$)/g, " ") : text;
}

/** Return a number with a fixed number of decimals and a true minus. */
export function fixed(value, decimals = 2) {
  if (!Number.isFinite(value)) return few(value);
  return value.toFixed(decimals).replace("-", "−");
}

/** Return a ratio in words: "120-fold", "3.2 million-fold". */
export function fold(ratio) {
  if (!Number.isFinite(ratio)) return "beyond all bounds";
  const scales = [[1e12, " trillion"], [1e9, " billion"], [1e6, " million"]];
  if (ratio >= 1e15) return `10${few(Math.round(Math.log10(ratio))).replace(/./g, (d) => RAISED[d] ?? d)}-fold`;
  for (const [unit, word] of scales) if (ratio >= unit) return `${few(ratio / unit, 2)}${word}-fold`;
  return `${few(Number(ratio.toPrecision(2)), 2)}-fold`;
}

/** Return a width as people write it: 512, 10⁶, ∞. */
export function width(n) {
  if (!Number.isFinite(n)) return "∞";
  if (n < 1e4) return String(Math.round(n));
  const exponent = Math.log10(n);
  return Math.abs(exponent - Math.round(exponent)) < 1e-6 ? tenTo(Math.round(exponent)) : few(n, 2);
}

/** Return "1 step", "2 steps". */
export function counted(number, what) {
  return `${few(number)} ${what}${number === 1 ? "" : "s"}`;
}

/** Return text whose formulas are not broken over lines. */
export function tied(text) {
  return text.replace(/ ([=<>≤≥+−×]) /g, "\u00a0$1\u00a0").replace(/\/(?=[λη(])/g, "/\u2060");
}
