// Who runs the shop, and how it delivers and takes back.

import { h, picture } from "../dom.js";
import { heading } from "./parts.js";

const QUESTIONS = [
  ["How long does delivery take?", "Three working days, or the next one with express. In town a bicycle brings it the same day."],
  ["Can I send something back?", "Within sixty days, used or not. We pay the way back and ask you why, because that is how things get better."],
  ["Do you repair?", "Yes. Write to us with a picture. Most repairs cost a stamp and a little patience."],
];

export function about() {
  return [
    h("section", { class: "about" },
      h("div", { class: "prose" },
        heading("A small shop with long memories"),
        h("p", { class: "lead" }, "Fennel Street began with one mug that we could not find anywhere, so we asked a potter to make it."),
        h("p", {}, "Eleven things have joined it since. Each one replaced something that broke too early or annoyed us every morning. We know who makes them, we pay before they start, and we keep the drawings, so that a part can be made again."),
        h("p", {}, "This is a demonstration: nothing can really be bought here, and nothing that you type leaves this page. What you look at is measured by OP-ECOM, which is what the shop is here to show.")),
      h("div", { class: "frame large", "aria-hidden": "true" }, picture("jar", "clay"))),
    h("section", { class: "prose", "aria-labelledby": "questions" },
      h("h2", { id: "questions" }, "What people ask"),
      QUESTIONS.map(([question, answer]) => h("details", { class: "question" }, h("summary", {}, question), h("p", {}, answer)))),
  ];
}
