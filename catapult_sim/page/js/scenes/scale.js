// The colours of final curvatures, as a scale above a map.
import { ramp } from "../paint.js";

/** Draw the scale above a frame: lazy, catapults by their end from 0 to 2, divergent. */
export function drawScale(frame, title) {
  const { pen, colours, left, right, top, scale } = frame;
  const size = Math.min(130 * scale, (right - left) * 0.3);
  const [x, y, high] = [right - size - 78 * scale, top - 22 * scale, 10 * scale];
  const table = ramp(window.CATAPULT.ramp);
  for (let i = 0; i < size; i++) {
    const k = 3 * Math.round((255 * i) / (size - 1));
    pen.fillStyle = `rgb(${table[k]},${table[k + 1]},${table[k + 2]})`;
    pen.fillRect(x + i, y, 1.5, high);
  }
  const small = { size: 12 };
  frame.letters("0", x - 10 * scale, y + high, small);
  frame.letters("2", x + size + 5, y + high, small);
  if (right - left > 380) frame.letters(title, x - 18 * scale, y + high, { ...small, align: "right" });
  pen.fillStyle = colours.divergent;
  pen.fillRect(right - 60 * scale, y, high, high);
  frame.letters("divergent", right - 47 * scale, y + high, small);
  pen.fillStyle = colours.lazy;
  pen.fillRect(left, y, high, high);
  pen.strokeStyle = colours.faint;
  pen.strokeRect(left, y, high, high);
  frame.letters("lazy", left + 14 * scale, y + high, small);
}
