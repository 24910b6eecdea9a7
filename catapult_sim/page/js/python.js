// The lines of Python that give the run on the screen.

/** Return a number as Python writes it. */
export function literal(value) {
  if (value === Infinity) return 'float("inf")';
  const text = String(value);
  return /^-?\d+$/.test(text) && Math.abs(value) < 1e15 ? `${text}.0` : text;
}

/** Return the run of the network on one sample. */
export function samplePython({ c, n, y, f }, steps) {
  const eta = literal(c / 2);
  const [rule, label] = y === 0 ? ["sample_map", ""] : ["labelled_sample_map", `, y=${literal(y)}`];
  const wide = n === Infinity && y === 0;
  const derived = wide ? "infinite_width_map" : rule;
  const width = wide ? "" : `, n=${literal(n)}`;
  return [
    "import catapult_sim as cs",
    "",
    `rule = cs.symbolic.linear_net.sample.${derived}()`,
    `run = cs.iterate(rule, [${literal(f)}, 2.0], learning_rate=${eta}${width}${label}, steps=${steps})`,
    'print(cs.classify(run), run.values["loss"])',
  ].join("\n");
}
