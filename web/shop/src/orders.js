// The order that was placed last, kept for the page that thanks for it. Of the address only the first name is kept.

import * as cart from "./cart.js";
import { read, write } from "./stored.js";

const NAME = "fennel.order";

/** Makes an order of what the cart holds now, amounts in cents. */
export function placed(name, express) {
  const lines = cart.lines().map(({ slug, variant, quantity, sum }) => ({ slug, variant, quantity, sum }));
  const order = { id: newId(), first: name.split(/\s+/)[0], express, lines, ...cart.totals(express) };
  write("sessionStorage", NAME, order);
  return order;
}

export function lastOrder() {
  return read("sessionStorage", NAME, null);
}

function newId() {
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  return `FS-${Date.now().toString(36)}-${random.toString(36)}`.toUpperCase();
}
