// The two pictures of the overlay: a gauge of the probability now, and the line of those before.

import { svg } from "../dom.js";

const WIDTH = 320;
const HEIGHT = 84;
const PAD = 6;

/** A half circle that fills with the probability; `set(probability, band)`. */
export function gauge() {
  const arc = "M20 110 A90 90 0 0 1 200 110";
  const fill = svg("path", { d: arc, class: "gauge-fill", pathLength: "100", "stroke-dasharray": "0 200" });
  const element = svg("svg", { class: "gauge", viewBox: "0 0 220 120", "aria-hidden": "true" },
    svg("path", { d: arc, class: "gauge-track" }), fill);
  function set(probability, band) {
    fill.setAttribute("stroke-dasharray", `${probability * 100} 200`);
    element.setAttribute("class", `gauge band-${band}`);
  }
  return { element, set };
}

/** The probabilities of a session, the newest at the right, from 0 to 100 %; `set(probabilities, band)`. */
export function line() {
  const path = svg("path", { class: "line-path", d: "" });
  const dot = svg("circle", { class: "line-dot", r: "4", cx: "-10", cy: "-10" });
  const levels = [0, 1].map((level) => svg("path", { class: "line-level", d: `M0 ${y(level)}H${WIDTH}` }));
  const element = svg("svg", { class: "line-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, levels, path, dot);
  function set(probabilities, band) {
    const step = (WIDTH - 2 * PAD) / Math.max(probabilities.length - 1, 1);
    const places = probabilities.map((each, place) => [PAD + place * step, y(each)]);
    path.setAttribute("d", places.map(([x, height], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${height.toFixed(1)}`).join(""));
    const [x, height] = places.at(-1) ?? [-10, -10];
    dot.setAttribute("cx", x.toFixed(1));
    dot.setAttribute("cy", height.toFixed(1));
    dot.setAttribute("class", `line-dot band-${band}`);
  }
  return { element, set };
}

/** A bar to the right of the middle for what raises, to the left for what lowers; `share` is from -1 to 1. */
export function bar(share) {
  const size = Math.max(Math.abs(share) * 48, 1);
  return svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "bar-track", x: 0, y: 0, width: 100, height: 8 }),
    svg("rect", { class: share < 0 ? "bar-lowers" : "bar-raises", x: share < 0 ? 50 - size : 50, y: 0, width: size, height: 8 }),
    svg("rect", { class: "bar-middle", x: 49.75, y: 0, width: 0.5, height: 8 }));
}

function y(probability) {
  return PAD + (1 - probability) * (HEIGHT - 2 * PAD);
}
