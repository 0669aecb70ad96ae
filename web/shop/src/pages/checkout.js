// Checkout: address, delivery, payment, the order. Nothing that is typed here leaves the page; the tracker learns what is in
// the cart, how far the checkout is, and the sum.

import { h } from "../dom.js";
import * as cart from "../cart.js";
import { VARIANTS } from "../catalogue.js";
import { shown } from "../money.js";
import { placed } from "../orders.js";
import { go } from "../router.js";
import * as tracking from "../tracking.js";
import { choice, field, matching, needed } from "./fields.js";
import { heading, sums } from "./parts.js";

export function checkout() {
  if (!cart.pieces()) {
    return [
      heading("Checkout"),
      h("div", { class: "empty" },
        h("p", { class: "lead" }, "There is nothing to pay for yet."),
        h("a", { class: "button", href: "/products" }, "See everything")),
    ];
  }
  const wanted = { express: false, isAddressed: false };
  const fields = addressFields();
  const costs = h("div", {}, sums(cart.totals()));
  const problems = h("p", { class: "problems", role: "alert" });

  function deliver(how) {
    wanted.express = how === "express";
    costs.replaceChildren(sums(cart.totals(wanted.express)));
    tracking.event("checkout", "delivery", how);
  }

  function address() {
    if (wanted.isAddressed || fields.some((each) => !each.isRight())) return;
    wanted.isAddressed = true;
    tracking.checkoutReached("add_shipping_info", cart.lines());
  }

  function pay() {
    tracking.checkoutReached("add_payment_info", cart.lines());
  }

  function order(event) {
    event.preventDefault();
    const wrong = fields.map((each) => [each, each.check()]).filter(([, sentence]) => sentence);
    if (wrong.length) {
      problems.textContent = wrong.length === 1 ? "One field still needs you." : `${wrong.length} fields still need you.`;
      tracking.event("checkout", "invalid", wrong.map(([each]) => each.name).join(" "), wrong.length);
      wrong[0][0].input.focus();
      return;
    }
    buy(fields.find((each) => each.name === "name").input.value.trim(), wanted.express);
  }

  tracking.checkoutReached("begin_checkout", cart.lines());
  return [
    heading("Checkout"),
    h("form", { class: "checkout", novalidate: true, onsubmit: order },
      h("div", { class: "checkout-fields" },
        h("h2", {}, "Where it goes"),
        h("div", { class: "fields", onchange: address }, fields.map((each) => each.element)),
        choice("delivery", "How it gets there", [
          ["standard", "Standard", "3 working days"],
          ["express", "Express", `next working day, ${shown(cart.totals(true).delivery)}`],
        ], deliver),
        choice("payment", "How you pay the courier", [["card", "By card", ""], ["cash", "In cash", ""]], pay),
        h("p", { class: "muted" }, "This is a demonstration: nothing is delivered, and your address stays in this page.")),
      h("aside", { class: "summary", "aria-label": "Your order" },
        h("h2", {}, "Your order"),
        h("ul", { class: "order-lines", role: "list" }, cart.lines().map(line)),
        costs,
        h("button", { class: "button wide", type: "submit" }, "Place the order"),
        problems)),
  ];
}

function buy(name, express) {
  const order = placed(name, express);
  tracking.purchase(order.total, order.id);
  cart.clear();
  go("/success");
}

function line({ product, variant, quantity, sum }) {
  return h("li", {}, h("span", {}, `${quantity} × ${product.name}, ${VARIANTS[variant].toLowerCase()}`), h("span", {}, shown(sum)));
}

function addressFields() {
  return [
    field("email", "E-mail", { type: "email", autocomplete: "email", inputmode: "email" },
      matching(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, "Write an e-mail address, such as ada@example.org.")),
    field("name", "Name", { autocomplete: "name" }, needed("Write your name.")),
    field("street", "Street and number", { autocomplete: "street-address" },
      matching(/\p{L}.*\d|\d.*\p{L}/u, "Write the street and the number of the house.")),
    field("postcode", "Postcode", { autocomplete: "postal-code" },
      matching(/^[A-Za-z0-9][A-Za-z0-9 -]{2,9}$/, "Write the postcode, three to ten letters and digits.")),
    field("city", "Town", { autocomplete: "address-level2" }, needed("Write the town.")),
  ];
}
