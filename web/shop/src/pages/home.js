// The home page: what the shop is, a few of its things, why one might trust it.

import { h, picture } from "../dom.js";
import { PRODUCTS } from "../catalogue.js";
import { grid, heading } from "./parts.js";

const SHOWN = ["harbour-mug", "reading-lamp", "wool-throw", "window-pot"];

export function home() {
  return [hero(), chosen(), promises()];
}

function hero() {
  return h(
    "section",
    { class: "hero" },
    h("div", {},
      heading("Useful things for slow mornings"),
      h("p", { class: "lead" }, "Twelve things for home, made by people we know, and meant to be used every day for a long time."),
      h("p", { class: "actions" },
        h("a", { class: "button", href: "/products" }, "See everything"),
        h("a", { class: "quiet", href: "/about" }, "Who we are"))),
    h("div", { class: "still", "aria-hidden": "true" },
      picture("lamp", "sage"), picture("teapot", "clay"), picture("mug", "ink")),
  );
}

function chosen() {
  const products = PRODUCTS.filter((each) => SHOWN.includes(each.slug));
  return h(
    "section",
    { "aria-labelledby": "chosen" },
    h("div", { class: "section-head" },
      h("h2", { id: "chosen" }, "What people come back for"),
      h("a", { class: "quiet", href: "/products" }, "All products")),
    grid(products),
  );
}

function promises() {
  const promise = (title, text) => h("li", {}, h("h3", {}, title), h("p", {}, text));
  return h(
    "section",
    { "aria-labelledby": "promises" },
    h("h2", { id: "promises", class: "spoken" }, "What we promise"),
    h("ul", { class: "promises", role: "list" },
      promise("Delivered by bicycle", "In town the same day, elsewhere in three. Free from €60."),
      promise("Sixty days to decide", "Use it, and send it back if you do not love it."),
      promise("Repaired, not replaced", "We keep spare parts for ten years, and we like using them.")),
  );
}
