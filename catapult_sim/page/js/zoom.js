// Zooming: a map under wheel, fingers and keys.

const STILL = 4; // pixels that a click may move
const SMALLEST = { x: 1e-6, y: 1e-5 };

/** Let a map be zoomed by wheel, two fingers and keys, moved by dragging, and asked by hovering; `keep` gets a clicked point. */
export function zoomable(stage, whole, middle, keep) {
  const { canvas } = stage;
  const fingers = new Map(); // the places of the pointers that are down
  let grip = null; // the frame when they took hold, and where
  let still = true;
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  const zoom = (point, scale) => stage.set(pulled(stage.frame, point, point, scale, whole));
  const hold = () => (grip = { frame: stage.frame, from: [...fingers.values()] });
  const release = (event) => {
    fingers.delete(event.pointerId);
    hold();
  };
  canvas.addEventListener("wheel", (event) => {
    const meant = event.ctrlKey || document.activeElement === canvas; // else the page scrolls
    if (!meant || !stage.frame?.contains(...place(event))) return;
    event.preventDefault();
    zoom(stage.frame.at(...place(event)), Math.exp(Math.max(-80, Math.min(80, event.deltaY)) * 0.004));
  }, { passive: false });
  for (const name of ["touchstart", "touchmove"]) {
    canvas.addEventListener(name, (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (!stage.frame?.contains(...place(event))) return;
    canvas.setPointerCapture(event.pointerId);
    still = fingers.size === 0;
    fingers.set(event.pointerId, place(event));
    hold();
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    if (!fingers.has(event.pointerId)) {
      stage.hover = stage.frame?.contains(...now) ? stage.frame.at(...now) : null;
      stage.redraw();
      return;
    }
    fingers.set(event.pointerId, now);
    still &&= Math.hypot(now[0] - grip.from[0][0], now[1] - grip.from[0][1]) <= STILL;
    if (still) return;
    stage.hover = null;
    const [a, b] = [grip.from, [...fingers.values()]];
    stage.set(pulled(grip.frame, grip.frame.at(...centre(a)), grip.frame.at(...centre(b)), spread(a) / spread(b), whole));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (fingers.has(event.pointerId) && still) keep(stage.frame.at(...place(event)));
    release(event);
  });
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => {
    stage.hover = null;
    stage.redraw();
  });
  canvas.addEventListener("dblclick", () => stage.set(viewed(whole)));
  canvas.addEventListener("keydown", ({ key }) => {
    if (key === "0") stage.set(viewed(whole));
    const scale = { "+": 0.7, "=": 0.7, "-": 1 / 0.7 }[key];
    if (scale) zoom(middle(), scale);
  });
}

/** Return the values that name a view. */
export function viewed({ x: [x0, x1], y: [y0, y1] }) {
  return { x0, x1, y0, y1 };
}

/** Return the view in which a point lies where another one lay, scaled about it, within the whole map. */
function pulled({ x, y }, [ax, ay], [bx, by], scale, whole) {
  const view = {
    x: fitted(ax - (bx - x[0]) * scale, ax + (x[1] - bx) * scale, whole.x),
    y: fitted(ay - (by - y[0]) * scale, ay + (y[1] - by) * scale, whole.y),
  };
  const small = ["x", "y"].some((side) => view[side][1] - view[side][0] < SMALLEST[side]);
  return small ? {} : viewed(view);
}

/** Return an interval moved and cut to lie within another. */
function fitted(low, high, [first, last]) {
  const size = Math.min(high - low, last - first);
  const start = Math.min(Math.max(low, first), last - size);
  return [start, start + size];
}

function centre(places) {
  return [0, 1].map((i) => places.reduce((sum, place) => sum + place[i], 0) / places.length);
}

/** Return how far two fingers are apart; one finger does not scale. */
function spread([one, other]) {
  return other ? Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1])) : 1;
}
