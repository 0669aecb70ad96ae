// Builds elements from plain calls: text is always text, so nothing that a visitor types can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; attributes that are null or false are left out, `on...` are listeners. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** A picture of the sheet `/pictures.svg`, whose colours come from the class of the variant. */
export function picture(name, variant, alt) {
  const shape = svg("use", { href: `/pictures.svg#${name}` });
  const named = alt ? { role: "img", "aria-label": alt } : { "aria-hidden": "true" };
  return svg("svg", { class: `picture glaze-${variant}`, viewBox: "0 0 320 320", ...named }, shape);
}

/** Text that only a screen reader says. */
export function spoken(text) {
  return h("span", { class: "spoken" }, text);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
