// The controls of a stage: sliders, steps, tools; and the words and numbers beneath the picture.
import { element, slug } from "./dom.js";
import { few, tied } from "./words.js";

/** Build the controls of a stage; `show(run)` brings them up to date. */
export function buildControls(stage) {
  const { section, scene } = stage;
  const place = section.querySelector(".controls");
  const fields = scene.controls.map((control) => buildControl(stage, control, place));
  const steps = buildSteps(stage, section.querySelector(".steps"));
  const tools = buildTools(stage, section.querySelector(".tools"));
  const [say, numbers] = [section.querySelector(".say"), section.querySelector(".numbers")];
  return {
    show(run) {
      fields.forEach((show) => show());
      steps(run);
      tools(run);
      setText(say, tied(stage.say()));
      stage.canvas.setAttribute("aria-label", stage.say());
      showNumbers(numbers, scene.numbers(run, stage.t, stage.values, stage));
      showBalance(section, scene, run, stage);
    },
  };
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showNumbers(list, pairs) {
  if (list.children.length !== pairs.length) {
    list.replaceChildren(...pairs.map(() => element("div", {}, element("dt"), element("dd"))));
  }
  pairs.forEach(([name, value], i) => {
    setText(list.children[i].children[0], name);
    setText(list.children[i].children[1], value);
  });
}

function buildControl(stage, control, place) {
  return control.options ? buildChoice(stage, control, place) : buildSlider(stage, control, place);
}

/** A slider; one with `log` moves the power of ten. */
function buildSlider(stage, control, place) {
  const { name, label, min, max, step, log } = control;
  const id = slug(stage.scene.id, name);
  const input = element("input", { type: "range", id, min, max, step, name });
  const output = element("output", { for: id });
  place.append(element("div", { class: "slider" }, element("label", { for: id }, label), output, input));
  input.addEventListener("input", () => {
    const value = Number(input.value);
    const infinite = control.infinite && value >= max;
    const t = control.keeps ? {} : { t: 0 };
    stage.set({ [name]: infinite ? Infinity : log ? Number((10 ** value).toPrecision(6)) : value, ...t });
  });
  return () => {
    const value = stage.values[name];
    const at = value === Infinity ? max : log ? Math.log10(value) : value;
    if (Math.abs(Number(input.value) - at) > 1e-9) input.value = at;
    const words = (control.show ?? few)(value);
    setText(output, words);
    input.setAttribute("aria-valuetext", words);
  };
}

/** A row of choices. */
function buildChoice(stage, { name, label, options, keeps }, place) {
  const buttons = Object.entries(options).map(([value, words]) => {
    const id = slug(stage.scene.id, name, value);
    const input = element("input", { type: "radio", id, name: slug(stage.scene.id, name), value });
    input.addEventListener("change", () => stage.set({ [name]: value, ...(keeps ? {} : { t: 0 }) }));
    return [input, element("label", { for: id }, words)];
  });
  place.append(element("fieldset", { class: "choice" }, element("legend", {}, label), ...buttons.flat()));
  return () => buttons.forEach(([input]) => (input.checked = input.value === stage.values[name]));
}

/** Reset, one step, play and the scrubber. */
function buildSteps(stage, place) {
  const id = slug(stage.scene.id, "t");
  const input = element("input", { type: "range", id, min: 0, step: 1, value: 0 });
  const output = element("output", { for: id });
  const play = element("button", { type: "button", class: "play" });
  const back = element("button", { type: "button", title: "one step back (←)", "aria-label": "one step back" }, "◂");
  const on = element("button", { type: "button", title: "one step (→)", "aria-label": "one step" }, "▸");
  play.addEventListener("click", () => stage.toggle());
  back.addEventListener("click", () => stage.go(stage.t - 1));
  on.addEventListener("click", () => stage.go(stage.t + 1));
  input.addEventListener("input", () => stage.go(Number(input.value)));
  const scrubber = element("div", { class: "slider scrubber" }, element("label", { for: id }, "step"), output, input);
  place.append(play, back, on, scrubber);
  return (run) => {
    input.max = run.steps;
    if (Number(input.value) !== stage.t) input.value = stage.t;
    setText(output, `${stage.t} of ${run.steps}`);
    setText(play, stage.playing ? "❚❚ Pause" : "▶ Play");
    play.setAttribute("aria-pressed", String(stage.playing));
  };
}

/** Reset, the link, the lines of Python, the derivation. */
function buildTools(stage, place) {
  const { scene, section } = stage;
  const reset = element("button", { type: "button" }, "Reset");
  const link = element("button", { type: "button" }, "Copy link");
  const python = element("button", { type: "button", "aria-expanded": "false" }, "Copy as Python");
  const derive = element("button", { type: "button", "aria-expanded": "false" }, "Show the derivation");
  place.append(reset, link, python, ...(scene.derivation ? [derive] : []));
  const [code, proof] = [section.querySelector(".python"), section.querySelector(".proof")];
  reset.addEventListener("click", () => stage.reset());
  link.addEventListener("click", () => copy(link, location.href.split("#")[0] + stage.hash(), "Link copied"));
  python.addEventListener("click", () => {
    code.hidden = !code.hidden;
    stage.redraw();
    if (!code.hidden) copy(python, scene.python(stage.values, stage.run), "Python copied");
  });
  derive.addEventListener("click", () => {
    proof.hidden = !proof.hidden;
    stage.redraw();
  });
  return (run) => {
    python.setAttribute("aria-expanded", String(!code.hidden));
    derive.setAttribute("aria-expanded", String(!proof.hidden));
    if (!code.hidden) setText(code, scene.python(stage.values, run));
    const shown = scene.derivation?.(stage.values, run);
    if (proof.hidden || proof.dataset.rule === shown) return;
    proof.dataset.rule = shown;
    proof.replaceChildren(document.getElementById(`derivation-${shown}`).content.cloneNode(true));
  };
}

async function copy(button, text, done) {
  const words = button.dataset.words ?? button.textContent;
  button.dataset.words = words;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = done;
  } catch {
    button.textContent = "Not allowed to copy";
  }
  setTimeout(() => (button.textContent = words), 1500);
}

/** Let the terms of the formula glow, and move the bars, in scenes that have them. */
function showBalance(section, scene, run, { t, values: { y } }) {
  const balance = section.querySelector(".balance");
  if (!balance) return;
  const { size, falls } = scene.glow(run, t);
  const bars = scene.bars(run, t);
  for (const one of balance.querySelectorAll("[data-label]")) one.hidden = (one.dataset.label === "yes") !== (y !== 0);
  balance.style.setProperty("--size", size.toFixed(3));
  balance.dataset.falls = falls;
  balance.style.setProperty("--loss", bars.loss.toFixed(4));
  balance.style.setProperty("--fall", bars.fall.toFixed(4));
}
