// Pieces that several pages are made of.

import { h, picture, spoken } from "../dom.js";
import { shown } from "../money.js";

/** The heading of a page, which takes the focus when the page is shown. */
export function heading(text) {
  return h("h1", { tabindex: "-1" }, text);
}

/** A product in a grid. */
export function card(product) {
  const [variant] = product.variants;
  const dots = product.variants.map((each) => h("span", { class: `dot glaze-${each}` }));
  return h(
    "li",
    { class: "card" },
    h("a", { href: `/products/${product.slug}` },
      h("span", { class: "frame" }, picture(product.picture, variant)),
      h("span", { class: "card-line" }, h("span", { class: "card-name" }, product.name), h("span", {}, shown(product.price))),
      h("span", { class: "dots", "aria-hidden": "true" }, dots),
      spoken(`, in ${product.variants.length} colours`)),
  );
}

export function grid(products) {
  return h("ul", { class: "grid", role: "list" }, products.map(card));
}

/** Goods, delivery and total as a list of terms; amounts in cents. */
export function sums({ goods, delivery, total }) {
  const row = (name, value, kind = "") => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "sums" },
    row("Goods", shown(goods)),
    row("Delivery", delivery ? shown(delivery) : "free"),
    row("Total, VAT included", shown(total), "total"),
  );
}
