// Elements of the page.

/** Return a new element with attributes and children. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Return an id made of parts. */
export function slug(...parts) {
  return ["scene", ...parts].join("-");
}
