// One product: its picture in the chosen colour, what it is, and the way into the cart.

import { h, picture } from "../dom.js";
import { VARIANTS, others } from "../catalogue.js";
import * as cart from "../cart.js";
import { shown } from "../money.js";
import * as tracking from "../tracking.js";
import { grid, heading } from "./parts.js";

export function detail(product) {
  const chosen = { variant: product.variants[0] };
  const frame = h("div", { class: "frame large" });
  const said = h("p", { class: "added", role: "status" });

  function showPicture() {
    frame.replaceChildren(picture(product.picture, chosen.variant, `${product.name} in ${VARIANTS[chosen.variant].toLowerCase()}`));
  }

  function choose(variant) {
    chosen.variant = variant;
    tracking.event("product", "variant", `${product.slug} ${variant}`);
    showPicture();
  }

  function addToCart(event) {
    event.preventDefault();
    const quantity = Number(new FormData(event.target).get("quantity"));
    tracking.cartChanged(product, cart.add(product.slug, chosen.variant, quantity));
    said.replaceChildren(
      `${quantity} × ${product.name} in ${VARIANTS[chosen.variant].toLowerCase()} is in your cart. `,
      h("a", { href: "/cart" }, "Go to the cart"),
    );
  }

  showPicture();
  tracking.productShown(product);
  return [
    h("nav", { class: "trail", "aria-label": "You are here" },
      h("a", { href: "/products" }, "Shop"), h("span", { "aria-hidden": "true" }, "›"), h("span", {}, product.category)),
    h("article", { class: "detail" },
      frame,
      h("div", { class: "detail-text" },
        heading(product.name),
        h("p", { class: "price" }, shown(product.price)),
        h("p", { class: "lead" }, product.line),
        h("form", { class: "buy", onsubmit: addToCart }, colours(product, choose), quantities(), said),
        h("p", {}, product.text),
        h("ul", { class: "facts" }, product.facts.map((fact) => h("li", {}, fact))))),
    h("section", { "aria-labelledby": "others" },
      h("h2", { id: "others" }, "Goes well with"),
      grid(others(product, 4))),
  ];
}

function colours(product, choose) {
  const choice = (variant, place) =>
    h("label", { class: "swatch" },
      h("input", { type: "radio", name: "variant", value: variant, checked: place === 0, onchange: () => choose(variant) }),
      h("span", { class: `dot glaze-${variant}`, "aria-hidden": "true" }),
      h("span", {}, VARIANTS[variant]));
  return h("fieldset", { class: "swatches" }, h("legend", {}, "Colour"), product.variants.map(choice));
}

function quantities() {
  const options = [1, 2, 3, 4, 5, 6].map((count) => h("option", { value: count }, String(count)));
  return h(
    "div",
    { class: "buy-line" },
    h("label", { class: "quantity" }, h("span", {}, "Quantity"), h("select", { name: "quantity" }, options)),
    h("button", { class: "button", type: "submit" }, "Add to cart"),
  );
}
