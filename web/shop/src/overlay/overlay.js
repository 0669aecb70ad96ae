// The overlay: a button that opens it, what it follows while it is open, and what it says aloud.

import { h, spoken } from "../dom.js";
import { read, write } from "../stored.js";
import * as tracking from "../tracking.js";
import { panel } from "./panel.js";
import { chance } from "./words.js";

const OPEN = "fennel.overlay";
const PAST = "fennel.intents";
const MOST = 80;
/** How far the probability must have moved to be said aloud; the band is said whenever it changes. */
const WORTH_SAYING = 0.1;

const STATES = {
  waiting: "Waiting for the first score…",
  live: "Live: every step of yours is scored.",
  lost: "The connection is lost; trying again…",
};

export function startOverlay() {
  const place = document.querySelector("#overlay");
  const button = h("button", { class: "toggle", type: "button", "aria-controls": "panel", onclick: () => turn(true, true) }, "Live intent");
  const shown = panel(() => turn(false, true));
  const aloud = spoken("");
  aloud.setAttribute("role", "status");
  place.append(button, shown.element, aloud);
  let stop = null;
  let said = null;

  function turn(open, moveFocus = false) {
    write("localStorage", OPEN, open);
    button.setAttribute("aria-expanded", String(open));
    shown.element.hidden = !open;
    document.body.classList.toggle("with-overlay", open);
    stop?.();
    stop = open ? tracking.followIntent(arrived, changed) : null;
    // The button that was pressed is gone.
    if (moveFocus) (open ? shown.element.querySelector("button") : button).focus();
  }

  function arrived(intent) {
    shown.show(intent, past(intent));
    changed("live");
    if (said && said.band === intent.band && Math.abs(said.probability - intent.probability) < WORTH_SAYING) return;
    said = intent;
    aloud.textContent = `Chance to buy ${chance(intent.probability)}, ${intent.band}`;
  }

  function changed(name, reason) {
    shown.state(name, reason ?? STATES[name]);
  }

  shown.element.addEventListener("keydown", (event) => event.key === "Escape" && turn(false, true));
  turn(read("localStorage", OPEN, false) === true);
}

/** The probabilities of this session so far, kept over reloads. */
function past(intent) {
  const session = `${intent.session_id} ${intent.opened_at}`;
  const kept = read("sessionStorage", PAST, null);
  const known = kept?.session === session ? kept.points : [];
  const points = [...known.filter(([version]) => version < intent.version), [intent.version, intent.probability]].slice(-MOST);
  write("sessionStorage", PAST, { session, points });
  return points.map(([, probability]) => probability);
}
