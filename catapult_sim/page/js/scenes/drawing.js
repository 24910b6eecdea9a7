// What several scenes draw: the arch, and where its run stands.
import { faded } from "../theme.js";

/** Return the colour of a phase's line. */
export function lineColour(colours, phase) {
  return colours[`${["undecided", "lazy", "catapult", "divergent"][phase]}-line`];
}

/** Draw a path through points, up to step t in full and beyond it faintly. */
export function drawPath(frame, points, t, colour) {
  frame.inside(() => {
    frame.line(points, faded(colour, 0.28), { width: 1.5 });
    frame.line(points.slice(0, t + 1), colour, { width: 2.4 });
    for (const [k, [x, y]] of points.entries()) frame.dot(x, y, k <= t ? 3 : 1.8, k <= t ? colour : faded(colour, 0.4));
    const [x, y] = points[Math.min(t, points.length - 1)];
    frame.dot(x, y, 13, faded(colour, 0.18));
    frame.dot(x, y, 7, colour, frame.colours.card, 2.5);
  });
}
