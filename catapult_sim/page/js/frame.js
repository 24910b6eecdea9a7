// A frame on a canvas: scales, axes, lines, dots and letters.
import { tenTo } from "./words.js";
import { theme } from "./theme.js";

const FONT = '"Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, serif';

/** Fit a canvas to its place on the screen, and return what is drawn on. */
export function surface(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  const [x, y] = [Math.round(wide * ratio), Math.round(high * ratio)];
  if (canvas.width !== x || canvas.height !== y) [canvas.width, canvas.height] = [x, y];
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, wide, high);
  const root = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const scale = Math.min(2, Math.max(root, wide / 860)); // of letters and margins
  return { pen, wide, high, scale, colours: theme() };
}

/** A rectangle with a scale along each side; logarithmic scales are given in powers of ten. */
export class Frame {
  constructor(sheet, { x, y, left = 52, right = 16, top = 14, bottom = 42, box = null }) {
    const { pen, wide, high, colours, scale } = sheet;
    const [x0, y0, w, h] = box ?? [0, 0, wide, high];
    Object.assign(this, { pen, colours, x, y, scale });
    this.left = x0 + scale * left;
    this.right = x0 + w - scale * right;
    this.top = y0 + scale * top;
    this.bottom = y0 + h - scale * bottom;
  }

  X(value) {
    return this.left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * (this.right - this.left);
  }

  Y(value) {
    return this.bottom - ((value - this.y[0]) / (this.y[1] - this.y[0])) * (this.bottom - this.top);
  }

  /** Return the values at a place on the canvas. */
  at(px, py) {
    const across = (px - this.left) / (this.right - this.left);
    const up = (this.bottom - py) / (this.bottom - this.top);
    return [this.x[0] + across * (this.x[1] - this.x[0]), this.y[0] + up * (this.y[1] - this.y[0])];
  }

  contains(px, py) {
    return px >= this.left && px <= this.right && py >= this.top && py <= this.bottom;
  }

  /** Draw inside the frame only. */
  inside(draw) {
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(this.left, this.top, this.right - this.left, this.bottom - this.top);
    this.pen.clip();
    draw();
    this.pen.restore();
  }

  axes({ xlabel = "", ylabel = "", logx = false, logy = false, xticks = null, yticks = null }) {
    const { pen, colours, scale } = this;
    pen.strokeStyle = colours.faint;
    pen.lineWidth = 1;
    pen.strokeRect(this.left, this.top, this.right - this.left, this.bottom - this.top);
    const room = Math.max(2, Math.floor((this.right - this.left) / (64 * scale)));
    for (const tick of xticks ?? ticks(...this.x, room, logx)) {
      const at = this.X(tick);
      this.rule(at, this.bottom, at, this.bottom + 4, colours.soft);
      this.letters(named(tick, logx), at, this.bottom + 17 * scale, { align: "center", size: 12.5 });
    }
    const high = Math.max(2, Math.floor((this.bottom - this.top) / (46 * scale)));
    for (const tick of yticks ?? ticks(...this.y, high, logy)) {
      const at = this.Y(tick);
      this.rule(this.left - 4, at, this.left, at, colours.soft);
      this.letters(named(tick, logy), this.left - 8, at + 4 * scale, { align: "right", size: 12.5 });
    }
    const middle = (this.left + this.right) / 2;
    this.letters(xlabel, middle, this.bottom + 36 * scale, { align: "center", colour: colours.ink });
    pen.save();
    pen.translate(this.left - 40 * scale, (this.top + this.bottom) / 2);
    pen.rotate(-Math.PI / 2);
    this.letters(ylabel, 0, 0, { align: "center", colour: colours.ink });
    pen.restore();
  }

  rule(x0, y0, x1, y1, colour, { width = 1, dash = [] } = {}) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.setLineDash(dash);
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
    pen.restore();
  }

  /** Draw a vertical line at a value, with a name at its top. */
  mark(value, name, colour, { dash = [5, 4], row = 0, width = 1.4 } = {}) {
    if (!(value >= this.x[0] && value <= this.x[1])) return;
    const at = this.X(value);
    this.rule(at, this.top, at, this.bottom, colour, { dash, width });
    const near = at > this.right - 70;
    const place = at + (near ? -6 : 6);
    this.letters(name, place, this.top + (16 + 17 * row) * this.scale, { colour, align: near ? "right" : "left", halo: true });
  }

  letters(text, x, y, { colour = this.colours.soft, align = "left", size = 13.5, bold = false, halo = false, italic = false } = {}) {
    const { pen } = this;
    pen.font = `${italic ? "italic " : ""}${bold ? "600 " : ""}${size * this.scale}px ${FONT}`;
    pen.textAlign = align;
    if (halo) {
      pen.lineWidth = 4;
      pen.lineJoin = "round";
      pen.strokeStyle = this.colours.card;
      pen.strokeText(text, x, y);
    }
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  }

  /** Draw a line through points [x, y]; points without a number interrupt it. */
  line(points, colour, { width = 2, dash = [], close = false, fill = null } = {}) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.setLineDash(dash);
    let down = false;
    for (const [x, y] of points) {
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        down = false;
        continue;
      }
      if (down) pen.lineTo(this.X(x), this.Y(y));
      else pen.moveTo(this.X(x), this.Y(y));
      down = true;
    }
    if (close) pen.closePath();
    if (fill) {
      pen.fillStyle = fill;
      pen.fill();
    }
    pen.lineJoin = "round";
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    if (width) pen.stroke();
    pen.restore();
  }

  dot(x, y, radius, fill, edge = null, width = 2) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    const { pen } = this;
    pen.beginPath();
    pen.arc(this.X(x), this.Y(y), radius, 0, 2 * Math.PI);
    pen.fillStyle = fill;
    pen.fill();
    if (edge) {
      pen.lineWidth = width;
      pen.strokeStyle = edge;
      pen.stroke();
    }
  }
}

/** Return round values between two numbers, about `count` of them. */
function ticks(low, high, count, log = false) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const steps = log ? [1, 2, 3, 5, 10] : [1, 2, 2.5, 5, 10];
  let step = power * steps.find((one) => one * power >= rough * (1 - 1e-9));
  if (log) step = Math.max(1, Math.round(step));
  const first = Math.ceil(low / step - 1e-9);
  const found = [];
  for (let k = first; k * step <= high + 1e-9 * step; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function named(value, log) {
  if (log) return Number.isInteger(value) ? tenTo(value) : "";
  return Math.abs(value) < 1e-12 ? "0" : String(value).replace("-", "−");
}
