// The guess that each scene asks for before it explains: a slider, two edges, or a choice.
import { element, slug } from "./dom.js";
import { tied } from "./words.js";

/** Build the question of a stage: until it is answered, or the answer asked for, nothing else tells it. */
export function buildGuess(stage) {
  const { guess, id } = stage.scene;
  const place = stage.section.querySelector(".guess");
  const after = stage.section.querySelector(".after");
  if (!guess) return;
  const answer = element("p", { class: "answer", role: "status" });
  const check = element("button", { type: "submit", class: "primary" }, "Check my guess");
  const skip = element("button", { type: "button" }, "Just show me");
  const [input, read] = FIELDS[guess.kind](guess, id);
  const form = element("form", {}, element("p", { class: "question" }, tied(guess.question)), input, element("div", { class: "row" }, check, skip), answer);
  place.append(form);
  after.hidden = true;
  stage.section.classList.add("asking");
  const reveal = () => {
    after.hidden = false;
    skip.hidden = true;
    stage.unveil();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = read();
    if (given === null) return;
    answer.textContent = tied(guess.answer(...given));
    reveal();
    stage.set({ g: String(given[0]), ...(given.length > 1 ? { h: String(given[1]) } : {}) });
  });
  skip.addEventListener("click", reveal);
  stage.reveal = reveal;
}

const FIELDS = {
  range(guess, id) {
    const [node, read] = slider(guess, slug(id, "guess"), "Your guess", guess.from ?? guess.min);
    return [node, () => [read()]];
  },
  edges(guess, id) {
    const [one, first] = slider(guess, slug(id, "guess"), "First edge, c =", guess.from);
    const [two, second] = slider(guess, slug(id, "guess", "2"), "Second edge, c =", guess.from + 1);
    return [element("div", {}, one, two), () => [first(), second()]];
  },
  choice(guess, id) {
    const name = slug(id, "guess");
    const options = Object.entries(guess.options).map(([value, words]) =>
      element("label", {}, element("input", { type: "radio", name, value, required: "" }), " ", words),
    );
    const node = element("fieldset", { class: "options" }, element("legend", {}, "Your guess"), ...options);
    return [node, () => [node.querySelector("input:checked")?.value ?? ""]];
  },
};

function slider({ min, max, step, show }, id, label, from) {
  const input = element("input", { type: "range", id, min, max, step, value: from });
  const output = element("output", { for: id }, show(from));
  const node = element("div", { class: "slider" }, element("label", { for: id }, label), output, input);
  const update = () => {
    output.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", update);
  update();
  return [node, () => Number(input.value)];
}
