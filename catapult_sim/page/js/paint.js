// A map as a picture: phases in their colours, catapults by the curvature at which they end.
import { channels } from "./theme.js";

/** Return 256 colours of final curvatures from 0 to 2, between the given ones. */
export function ramp(colours) {
  const table = new Uint8ClampedArray(3 * 256);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (colours.length - 1);
    const k = Math.min(Math.floor(place), colours.length - 2);
    const [one, other] = [channels(colours[k]), channels(colours[k + 1])];
    for (let j = 0; j < 3; j++) table[3 * i + j] = one[j] + (place - k) * (other[j] - one[j]);
  }
  return table;
}

/** Paint rows of a map from `first` on into an image. */
export function paint(image, { phase, curvature, first }, colours, table) {
  const flat = [colours.undecided, colours.lazy, colours.catapult, colours.divergent].map(channels);
  const paper = channels(colours.card);
  let k = 4 * first * image.width;
  for (let i = 0; i < phase.length; i++, k += 4) {
    const shade = 3 * Math.max(0, Math.min(255, Math.round(127.5 * curvature[i])));
    const [r, g, b] =
      phase[i] === 2 ? [table[shade], table[shade + 1], table[shade + 2]] : (flat[phase[i]] ?? paper);
    image.data[k] = r;
    image.data[k + 1] = g;
    image.data[k + 2] = b;
    image.data[k + 3] = 255;
  }
}
