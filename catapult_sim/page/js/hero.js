// The face of the page: where catapults end, between the two edges.
import { Atlas } from "./atlas.js";
import { Frame, surface } from "./frame.js";

const VIEW = { x: [1.97, 4.03], y: [2, 7], f: 1, label: 0 };

/** Draw the map of final curvatures into a canvas without axes, now and whenever its size changes. */
export function drawHero(canvas) {
  const atlas = new Atlas("hero", () => draw());
  const draw = () => {
    if (!canvas.clientWidth) return;
    const frame = new Frame(surface(canvas), { ...VIEW, left: 0, right: 0, top: 0, bottom: 0 });
    atlas.request(VIEW, { wide: canvas.width, high: canvas.height });
    atlas.draw(frame);
  };
  new ResizeObserver(draw).observe(canvas);
}
