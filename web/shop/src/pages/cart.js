// The cart: what is in it, how many, what it costs.

import { h, picture } from "../dom.js";
import * as cart from "../cart.js";
import { VARIANTS } from "../catalogue.js";
import { shown } from "../money.js";
import * as tracking from "../tracking.js";
import { heading, sums } from "./parts.js";

export function cartPage() {
  const body = h("div", { class: "cart" });
  const said = h("p", { class: "spoken", role: "status" });

  function change(line, quantity) {
    cart.change(line.slug, line.variant, quantity);
    tracking.cartChanged(line.product, quantity - line.quantity);
    said.textContent = quantity ? `${line.product.name}: ${quantity}` : `${line.product.name} was taken out`;
  }

  function update() {
    const focused = document.activeElement?.id;
    body.replaceChildren(...content(change));
    if (focused) (document.getElementById(focused) ?? title).focus();
  }

  const title = heading("Your cart");
  update();
  tracking.cartShown(cart.lines());
  cart.watch(() => (body.isConnected ? update() : false));
  return [title, said, body];
}

function content(change) {
  const lines = cart.lines();
  if (!lines.length) return [empty()];
  const missing = cart.missingForFree();
  const hint = missing ? `${shown(missing)} more and delivery is free.` : "Delivery is free.";
  return [
    h("ul", { class: "lines", role: "list" }, lines.map((line) => row(line, change))),
    h("aside", { class: "summary", "aria-label": "Sum" },
      sums(cart.totals()),
      h("p", { class: "muted" }, hint),
      h("a", { class: "button wide", href: "/checkout" }, "Go to checkout"),
      h("a", { class: "quiet", href: "/products" }, "Keep looking")),
  ];
}

function empty() {
  return h(
    "div",
    { class: "empty" },
    h("div", { class: "frame" }, picture("mug", "sand")),
    h("p", { class: "lead" }, "There is nothing in it yet."),
    h("a", { class: "button", href: "/products" }, "See everything"),
  );
}

function row(line, change) {
  const { product, variant, quantity, sum } = line;
  const key = `${product.slug}-${variant}`;
  const options = Array.from({ length: 20 }, (_, place) => place + 1).map((count) =>
    h("option", { value: count, selected: count === quantity }, String(count)));
  return h(
    "li",
    { class: "line" },
    h("a", { class: "frame small", href: `/products/${product.slug}`, tabindex: "-1", "aria-hidden": "true" }, picture(product.picture, variant)),
    h("div", { class: "line-text" },
      h("a", { href: `/products/${product.slug}` }, product.name),
      h("span", { class: "muted" }, `${VARIANTS[variant]} · ${shown(product.price)} each`)),
    h("label", { class: "quantity" },
      h("span", { class: "spoken" }, `Quantity of ${product.name}`),
      h("select", { id: `count-${key}`, onchange: (event) => change(line, Number(event.target.value)) }, options)),
    h("span", { class: "line-sum" }, shown(sum)),
    h("button", { class: "quiet", type: "button", id: `remove-${key}`, onclick: () => change(line, 0) },
      "Remove", h("span", { class: "spoken" }, ` ${product.name}`)),
  );
}
