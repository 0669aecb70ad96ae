// What the overlay shows of an intent; it knows nothing of where intents come from.

import { h, spoken } from "../dom.js";
import { bar, gauge, line } from "./charts.js";
import { BANDS, GROUPS, cartText, chance, featureValue, moved, subject } from "./words.js";

/** The panel: `show(intent, probabilities)` and `state(name, sentence)`. */
export function panel(onClose) {
  const status = h("p", { class: "state", "data-state": "waiting" });
  const body = h("div", { class: "intent", hidden: true });
  const pieces = { number: h("span", { class: "chance" }), band: h("span", { class: "band" }), gauge: gauge(), line: line() };
  const cart = h("p", { class: "cart-state", hidden: true });
  const reasons = h("ul", { class: "reasons", role: "list" });
  const table = features();
  const foot = h("p", { class: "foot muted" });
  const why = h("div", {},
    h("h3", {}, "What moves it most"),
    reasons,
    h("details", { open: window.matchMedia("(min-width: 52rem)").matches }, h("summary", {}, "The seventeen features"), table.element),
    foot);
  body.append(
    h("div", { class: "now" }, pieces.gauge.element, h("p", { class: "now-text" }, pieces.number, h("span", { class: "muted" }, "chance to buy"), pieces.band)),
    cart,
    h("figure", { class: "past" }, pieces.line.element, h("figcaption", { class: "muted" }, "so far in this session, 0 to 100 %")),
    why,
  );
  const element = h("div", { class: "panel", id: "panel" },
    h("div", { class: "panel-head" },
      h("h2", {}, "Live intent"),
      h("button", { class: "close", type: "button", "aria-label": "Close live intent", onclick: onClose }, "×")),
    status,
    body);

  function show(intent, probabilities) {
    body.hidden = false;
    pieces.number.textContent = chance(intent.probability);
    pieces.number.dataset.probability = intent.probability;
    pieces.number.dataset.version = intent.version;
    pieces.band.textContent = BANDS[intent.band] ?? intent.band;
    pieces.band.className = `band band-${intent.band}`;
    pieces.gauge.set(intent.probability, intent.band);
    pieces.line.set(probabilities, intent.band);
    cart.textContent = intent.signals ? cartText(intent.signals) : "";
    cart.hidden = !intent.signals;
    // A site may show its bands alone.
    why.hidden = !intent.reasons;
    if (why.hidden) return;
    reasons.replaceChildren(...reasonRows(intent.reasons));
    table.set(intent.features);
    foot.textContent = `${intent.counts.events} events, ${intent.counts.page_views} page views · session ${intent.status} · ${intent.model_version}`;
  }

  function state(name, sentence) {
    status.dataset.state = name;
    status.textContent = sentence;
    if (name === "off") body.hidden = true;
  }

  return { element, show, state };
}

function reasonRows(reasons) {
  if (!reasons.length) return [h("li", { class: "muted" }, "Nothing stands out yet.")];
  const largest = Math.max(...reasons.map((each) => Math.abs(each.contribution)));
  return reasons.map(({ contribution, text }) =>
    h("li", { class: "reason" },
      h("span", { class: "reason-name", "aria-hidden": "true" }, subject(text)),
      h("span", { class: contribution < 0 ? "reason-size lowers" : "reason-size raises", "aria-hidden": "true" },
        `${contribution < 0 ? "▼" : "▲"} ${moved(contribution)}`),
      bar(contribution / largest),
      spoken(text)));
}

/** The table of the features; what changed with the last intent is marked. */
function features() {
  const cells = new Map();
  const row = ([feature, name, unit]) => {
    const cell = h("td", { "data-feature": feature });
    cells.set(feature, { cell, unit });
    return h("tr", {}, h("th", { scope: "row" }, name), cell);
  };
  const bodies = GROUPS.map(([title, rows]) =>
    h("tbody", {}, h("tr", {}, h("th", { scope: "rowgroup", colspan: "2", class: "group" }, title)), rows.map(row)));
  const element = h("table", { class: "features" }, h("caption", { class: "spoken" }, "Features of this session"), bodies);
  function set(values) {
    for (const [feature, { cell, unit }] of cells) {
      const text = feature in values ? featureValue(values[feature], unit) : "–";
      cell.classList.toggle("changed", cell.textContent !== "" && cell.textContent !== text);
      cell.textContent = text;
    }
  }
  return { element, set };
}
