// Colours of the page as the canvas needs them, read from the style sheet.

const NAMES = [
  "ink", "soft", "faint", "paper", "card", "accent", "glow", "lazy", "catapult", "divergent",
  "undecided", "lazy-line", "catapult-line", "divergent-line", "undecided-line", "lazy-ink",
  "catapult-ink", "divergent-ink", "undecided-ink",
];

/** Return the colours that are in force now. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Return a colour with an opacity from 0 to 1. */
export function faded(colour, opacity) {
  return colour + Math.round(255 * opacity).toString(16).padStart(2, "0");
}

/** Return red, green and blue of a colour such as #35618f. */
export function channels(colour) {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}
