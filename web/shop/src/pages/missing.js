// What is shown where there is no page.

import { h } from "../dom.js";
import { heading } from "./parts.js";

export function missing() {
  return [
    heading("There is no such page"),
    h("div", { class: "empty" },
      h("p", { class: "lead" }, "It may have moved, or it never was."),
      h("a", { class: "button", href: "/products" }, "See everything")),
  ];
}
