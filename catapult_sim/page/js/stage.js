// A stage: the picture of a scene, what it says, and its controls.
import { toHash } from "./state.js";
import { remembered } from "./run.js";
import { buildControls } from "./controls.js";
import { buildGuess } from "./guess.js";

const ASKS = "Guess first. The picture becomes clear when you have, or when you use its controls.";
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Stage {
  constructor(scene, section, told) {
    Object.assign(this, { scene, section, told, hover: null, playing: false, waiting: false, near: false, held: null });
    this.values = { ...scene.start };
    this.canvas = section.querySelector("canvas");
    this.compute = scene.live ? (values) => scene.run(values, this) : remembered(scene.run);
    scene.setup?.(this);
    this.controls = buildControls(this);
    buildGuess(this);
    new ResizeObserver(() => this.redraw()).observe(this.canvas);
    const nearby = new IntersectionObserver(([{ isIntersecting }]) => {
      this.near = isIntersecting;
      this.redraw();
    }, { rootMargin: "50%" });
    nearby.observe(this.canvas);
  }

  /** The run that the values name. */
  get run() {
    const { physics } = this.scene;
    const names = physics ?? Object.keys(this.scene.start).filter((name) => !["t", "g", "h"].includes(name));
    return this.compute(Object.fromEntries(names.map((name) => [name, this.values[name]])));
  }

  /** The step that is shown: a live run may not have come to the one that is asked for. */
  get t() {
    return Math.min(this.values.t, this.run.steps);
  }

  /** Tell whether the question comes first: the picture would answer it. */
  get asking() {
    return this.section.classList.contains("asking");
  }

  /** Tell whether the explanation still waits for the answer. */
  get waits() {
    return this.section.querySelector(".after").hidden;
  }

  unveil() {
    this.section.classList.remove("asking");
    this.redraw();
  }

  /** Change values as a reader does, and show what follows. */
  set(values) {
    this.unveil();
    Object.assign(this.values, values);
    if (!("t" in values)) this.stop();
    this.redraw();
    this.told(this);
  }

  /** Go to a step within the run. */
  go(t) {
    const { steps } = this.run;
    this.set({ t: Math.max(0, Math.min(Math.round(t), steps)) });
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw(this.near);
    });
  }

  /** Bring words and numbers up to date, and the picture if somebody may see it. */
  draw(picture = true) {
    const { run, scene, values } = this;
    if (values.t > run.steps && !run.live) values.t = run.steps;
    this.controls.show(run);
    if (picture && this.canvas.clientWidth) scene.draw(this.canvas, run, this.t, values, this);
  }

  say() {
    return this.asking ? ASKS : this.scene.say(this.run, this.t, this.values, this);
  }

  reset() {
    this.stop();
    this.set({ ...this.scene.start });
  }

  hash() {
    return toHash(this.scene, this.values);
  }

  toggle() {
    if (this.playing) this.stop();
    else this.play();
  }

  play() {
    if (CALM.matches) {
      this.go(this.run.steps);
      return;
    }
    if (this.values.t >= this.run.steps && !this.run.live) this.values.t = 0;
    this.playing = true;
    let last = performance.now();
    const pace = Math.max(16, Math.min(220, 6000 / Math.max(this.run.steps, 1)));
    const tick = (now) => {
      if (!this.playing) return;
      if (now - last >= pace) {
        last = now;
        const { run, values } = this;
        if (values.t >= run.steps && !run.live) this.stop();
        else this.set({ t: Math.min(values.t + 1, run.steps) });
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    this.redraw();
  }

  /** Show all that a reader of paper cannot ask for: the explanation, and the run to its end. */
  toPaper() {
    document.documentElement.dataset.paper = "";
    this.reveal?.();
    if (this.run.live) this.scene.finish(this);
    this.held ??= this.values.t; // a preview asks twice
    this.values.t = this.run.steps;
    this.draw();
    this.atlas?.now();
    this.atlas?.redraw();
    this.draw();
  }

  fromPaper() {
    delete document.documentElement.dataset.paper;
    this.values.t = this.held ?? this.values.t;
    this.held = null;
    this.scene.restart?.(this);
    this.atlas?.redraw();
    this.redraw();
  }

  stop() {
    this.playing = false;
    this.redraw();
  }
}
