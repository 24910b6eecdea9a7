// Maps on the screen: asked of the worker, coarse while something moves, then fine.
import { MAPS } from "./map.js";
import { paint, ramp } from "./paint.js";
import { theme } from "./theme.js";
import { LASTING, worker } from "./helper.js";

const COARSE = { wide: 150, high: 140 };

/** A picture of one kind of map that keeps itself up to date. */
export class Atlas {
  constructor(job, changed) {
    Object.assign(this, { job, changed, asked: "", id: 0, picture: null, rows: [], time: 0 });
    worker.listen(job, (answer) => this.receive(answer));
  }

  /** Ask for a map; the same one is not asked for twice. */
  request(view, size) {
    const key = JSON.stringify([view, size]);
    if (key === this.asked) return;
    this.asked = key;
    this.ready = false;
    this.ask(view, COARSE, true);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(view, size, false), LASTING);
  }

  ask(view, { wide, high }, whole) {
    this.id += 1;
    this.pending = { view, wide, high, whole, sent: performance.now() };
    worker.send({ ...view, wide, high, whole, job: this.job, id: this.id });
  }

  receive(answer) {
    if (answer.id !== this.id) return;
    const { wide, high, view, whole, sent } = this.pending;
    if (whole) this.time = performance.now() - sent;
    if (answer.first === 0 && (whole || !this.picture)) this.start(wide, high, view);
    if (answer.first === 0 && !whole) this.next = { rows: [] };
    const rows = whole ? (this.rows = []) : this.next.rows;
    rows.push(answer);
    if (whole) this.redraw();
    else if (answer.last === high) {
      this.start(wide, high, view);
      this.rows = rows;
      this.fine = this.ready = true;
      this.redraw();
    }
    this.changed();
  }

  start(wide, high, view) {
    this.picture = document.createElement("canvas");
    [this.picture.width, this.picture.height] = [wide, high];
    this.view = view;
    this.fine = false;
  }

  /** Compute a map at once, without the worker: a printer does not wait. */
  now() {
    if (this.ready) return;
    const { wide, high } = COARSE;
    this.id += 1;
    this.pending = { view: this.pending.view, wide, high, whole: true, sent: 0 };
    const rows = MAPS[this.job]({ ...this.pending.view, wide, high }, 0, high);
    this.receive({ id: this.id, first: 0, last: high, ...rows });
  }

  /** Paint all rows again, as when the screen turns dark. */
  redraw() {
    const pen = this.picture.getContext("2d");
    const image = pen.createImageData(this.picture.width, this.picture.height);
    const table = ramp(window.CATAPULT.ramp);
    for (const rows of this.rows) paint(image, rows, theme(), table);
    pen.putImageData(image, 0, 0);
  }

  /** Draw the picture into a frame, where its own view lies in it. */
  draw(frame) {
    if (!this.picture) return;
    const { x, y } = this.view;
    frame.inside(() => {
      frame.pen.imageSmoothingEnabled = !this.fine;
      const [left, top] = [frame.X(x[0]), frame.Y(y[1])];
      frame.pen.drawImage(this.picture, left, top, frame.X(x[1]) - left, frame.Y(y[0]) - top);
    });
  }

  /** Return phase and final curvature of the cell at a place of the view. */
  cell(px, py) {
    if (!this.picture) return null;
    const { x, y } = this.view;
    const { width, height } = this.picture;
    const i = Math.floor(((px - x[0]) / (x[1] - x[0])) * width);
    const j = Math.floor(((y[1] - py) / (y[1] - y[0])) * height);
    const rows = this.rows.find(({ first, last }) => j >= first && j < last);
    const k = rows ? (j - rows.first) * width + i : -1;
    return rows && i >= 0 && i < width ? { phase: rows.phase[k], curvature: rows.curvature[k] } : null;
  }
}
