// All products, to be narrowed by category and sorted.

import { h } from "../dom.js";
import { CATEGORIES, PRODUCTS } from "../catalogue.js";
import * as tracking from "../tracking.js";
import { grid, heading } from "./parts.js";

const ORDERS = {
  chosen: ["As we like them", () => 0],
  cheap: ["Price, low to high", (a, b) => a.price - b.price],
  dear: ["Price, high to low", (a, b) => b.price - a.price],
  name: ["Name", (a, b) => a.name.localeCompare(b.name)],
};

export function products() {
  const wanted = { category: "All", order: "chosen" };
  const list = h("div", {});
  const count = h("p", { class: "muted", role: "status" });

  function update() {
    const found = PRODUCTS.filter((each) => wanted.category === "All" || each.category === wanted.category);
    list.replaceChildren(grid(found.toSorted(ORDERS[wanted.order][1])));
    count.textContent = `${found.length} ${found.length === 1 ? "product" : "products"}`;
  }

  const filters = ["All", ...CATEGORIES].map((category) =>
    h("label", { class: "chip" },
      h("input", {
        type: "radio",
        name: "category",
        value: category,
        checked: category === wanted.category,
        onchange: () => {
          wanted.category = category;
          tracking.event("products", "filter", category);
          update();
        },
      }),
      h("span", {}, category)));
  const order = h(
    "select",
    {
      id: "order",
      onchange: (event) => {
        wanted.order = event.target.value;
        tracking.event("products", "sort", wanted.order);
        update();
      },
    },
    Object.entries(ORDERS).map(([value, [name]]) => h("option", { value }, name)),
  );
  update();
  tracking.listShown(PRODUCTS);
  return [
    h("div", { class: "page-head" }, heading("Everything we make"), count),
    h("div", { class: "tools" },
      h("fieldset", { class: "chips" }, h("legend", { class: "spoken" }, "Category"), filters),
      h("p", { class: "order" }, h("label", { for: "order" }, "Sorted by"), order)),
    list,
  ];
}
