// Thanks for the order that was placed last in this tab.

import { h, picture } from "../dom.js";
import { VARIANTS, product } from "../catalogue.js";
import { shown } from "../money.js";
import { lastOrder } from "../orders.js";
import { heading, sums } from "./parts.js";

export function success() {
  const order = lastOrder();
  if (!order) {
    return [
      heading("No order yet"),
      h("div", { class: "empty" },
        h("p", { class: "lead" }, "When you have ordered something, this page says so."),
        h("a", { class: "button", href: "/products" }, "See everything")),
    ];
  }
  return h(
    "section",
    { class: "thanks" },
    h("div", { class: "thanks-pictures", "aria-hidden": "true" },
      order.lines.slice(0, 3).map((line) => h("div", { class: "frame" }, picture(product(line.slug).picture, line.variant)))),
    heading(`Thank you, ${order.first}`),
    h("p", { class: "lead" }, order.express ? "It will be with you on the next working day." : "It will be with you in three working days."),
    h("div", { class: "summary" },
      h("h2", {}, "Order ", h("span", { class: "number", id: "order-id" }, order.id)),
      h("ul", { class: "order-lines", role: "list" }, order.lines.map(line)),
      sums(order)),
    h("p", { class: "actions" }, h("a", { class: "button", href: "/" }, "Back to the start")),
  );
}

function line({ slug, variant, quantity, sum }) {
  return h("li", {}, h("span", {}, `${quantity} × ${product(slug).name}, ${VARIANTS[variant].toLowerCase()}`), h("span", {}, shown(sum)));
}
