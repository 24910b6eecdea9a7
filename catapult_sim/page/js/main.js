// The page: its scenes, the one that is looked at, keys, the address, and the presenter's mode.
import { drawHero } from "./hero.js";
import { SCENES } from "./scenes.js";
import { fromHash } from "./state.js";
import { Stage } from "./stage.js";
import { tied } from "./words.js";

const QUIET = 400; // milliseconds after which a change is told to screen readers and the address
const live = document.getElementById("live");
const stages = SCENES.map((scene) => new Stage(scene, document.getElementById(`scene-${scene.id}`), told));
let active = stages[0];
let timer = 0;

function told(stage, byReader = true) {
  if (byReader) active = stage;
  if (stage !== active) return;
  clearTimeout(timer);
  timer = setTimeout(tell, QUIET);
}

/** Bring the address up to date, and say aloud what is seen. */
function tell() {
  if (active.playing) return told(active);
  const suffix = presenting() ? "&present" : "";
  const hash = active.hash() + suffix;
  if (location.hash !== hash) history.replaceState(null, "", hash);
  const words = active.say();
  if (live.textContent !== words) live.textContent = words;
}

/** Show what an address names. */
function restore() {
  const asked = fromHash(location.hash, SCENES);
  if (!asked) return;
  const stage = stages.find(({ scene }) => scene === asked.scene);
  if (asked.presents) present(true);
  if (Object.keys(asked.values).length) {
    stage.reveal?.();
    stage.section.querySelector(".guess").hidden = true; // it asks of another state
  }
  stage.stop();
  Object.assign(stage.values, stage.scene.start, asked.values);
  show(stage, "instant");
}

function show(stage, behavior = "smooth") {
  active = stage;
  for (const one of stages) one.section.classList.toggle("active", one === stage);
  stage.section.scrollIntoView({ behavior, block: "start" });
  stage.redraw();
  told(stage);
}

function presenting() {
  return document.body.classList.contains("presenting");
}

function present(on) {
  document.body.classList.toggle("presenting", on);
  document.getElementById("present").setAttribute("aria-pressed", String(on));
  show(active, "instant");
}

/** Tie the formulas of all text in an element. */
function tieAll(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) walker.currentNode.data = tied(walker.currentNode.data);
}

const KEYS = {
  " ": () => active.toggle(),
  ArrowRight: () => active.go(active.t + 1),
  ArrowLeft: () => active.go(active.t - 1),
  p: () => present(!presenting()),
};
const PRESENTER_KEYS = {
  PageDown: () => onward(),
  PageUp: () => turn(-1),
  ArrowDown: () => onward(),
  ArrowUp: () => turn(-1),
  Escape: () => present(false),
};

/** Show the explanation that still waits, or turn to the next scene. */
function onward() {
  if (active.waits) {
    active.reveal();
    active.section.querySelector(".after").scrollIntoView({ block: "nearest" });
  }
  else turn(1);
}

function turn(by) {
  const next = stages[stages.indexOf(active) + by];
  if (next) show(next, "instant");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || takesKey(event.target, event.key)) return;
  const act = KEYS[event.key] ?? (presenting() ? PRESENTER_KEYS[event.key] : null);
  if (!act) return;
  event.preventDefault();
  act();
});

/** Tell whether an element has a use of its own for a key; a remote control turns pages whatever was touched last. */
function takesKey(target, key) {
  if (presenting() && key.startsWith("Page")) return false;
  if (key === " ") return target.matches("button, a, summary, input[type=radio]:not(:checked)");
  return target.matches("input[type=range], input[type=radio]") && /^(Arrow|Page)/.test(key);
}

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || presenting()) continue;
      active = stages.find(({ section }) => section === target);
      for (const one of stages) one.section.classList.toggle("active", one === active);
      for (const link of document.querySelectorAll("nav a")) {
        link.toggleAttribute("aria-current", active.scene.id.startsWith(link.dataset.scene));
      }
      told(active);
    }
  },
  { rootMargin: "-45% 0px -45% 0px" },
);
for (const { section } of stages) watcher.observe(section);

const dark = window.matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => stages.forEach((stage) => (stage.atlas?.picture && stage.atlas.redraw(), stage.redraw())));
window.addEventListener("beforeprint", () => stages.forEach((stage) => stage.toPaper()));
window.addEventListener("afterprint", () => stages.forEach((stage) => stage.fromPaper()));
window.addEventListener("hashchange", restore);
document.getElementById("present").addEventListener("click", () => present(!presenting()));
document.getElementById("pages").addEventListener("click", () => present(false));
for (const part of document.querySelectorAll("header, .text")) tieAll(part);
drawHero(document.getElementById("hero"));
stages.forEach((stage) => stage.draw(false));
restore();
window.CATAPULT.stages = stages;
