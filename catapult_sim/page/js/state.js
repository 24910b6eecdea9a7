// The state of the page in its address: only what differs from the start.

/** Return the hash of a scene and its values, such as "#scene=3&c=3.2&t=12". */
export function toHash(scene, values) {
  const parts = Object.entries(values)
    .filter(([name, value]) => value !== scene.start[name] && value !== null)
    .map(([name, value]) => `${name}=${spelt(value)}`);
  return `#${[`scene=${scene.id}`, ...parts].join("&")}`;
}

function spelt(value) {
  if (typeof value !== "number") return encodeURIComponent(value);
  return value === Infinity ? "inf" : String(Number(value.toPrecision(12)));
}

/** Return the id of a scene and the values that a hash names, each of the kind of its start. */
export function fromHash(hash, scenes) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const scene = scenes.find((one) => one.id === given.get("scene"));
  if (!scene) return null;
  const values = {};
  for (const [name, start] of Object.entries(scene.start)) {
    if (!given.has(name)) continue;
    const value = read(given.get(name), start, scene.limits?.[name]);
    if (value !== undefined) values[name] = value;
  }
  return { scene, values, presents: given.has("present") };
}

/** Return a value as the start has it, within limits; undefined where it is none. */
function read(text, start, limits) {
  if (typeof start === "string") return !limits || limits.includes(text) ? text : undefined;
  const value = text === "inf" ? Infinity : Number(text);
  if (Number.isNaN(value) || text.trim() === "") return undefined;
  return limits ? Math.min(Math.max(value, limits[0]), limits[1]) : value;
}
