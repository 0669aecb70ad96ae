// How the overlay writes what an intent has. Reasons come with words of their own, from the server.

import { shown } from "../money.js";

const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const points = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1, signDisplay: "exceptZero" });
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

export const BANDS = { low: "low", building: "building", high: "high" };

/** The seventeen features in groups: [title, [[feature, name, unit], ...]]. */
export const GROUPS = [
  ["Pages seen", [
    ["ProductRelated", "Product pages", ""],
    ["ProductRelated_Duration", "… time on them", "s"],
    ["Informational", "Information pages", ""],
    ["Informational_Duration", "… time on them", "s"],
    ["Administrative", "Cart and checkout", ""],
    ["Administrative_Duration", "… time on them", "s"],
  ]],
  ["What these pages are like", [
    ["BounceRates", "Bounce rate", "%"],
    ["ExitRates", "Exit rate", "%"],
    ["PageValues", "Page value", ""],
  ]],
  ["When and who", [
    ["Month", "Month", ""],
    ["Weekend", "Weekend", ""],
    ["SpecialDay", "Near a special day", ""],
    ["VisitorType", "Visitor", ""],
    ["Browser", "Browser code", ""],
    ["OperatingSystems", "System code", ""],
    ["Region", "Region code", ""],
    ["TrafficType", "Traffic code", ""],
  ]],
];

export function featureValue(value, unit) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value.replace("_", " ").toLowerCase().replace(/^./, (first) => first.toUpperCase());
  if (unit === "%") return percent.format(value);
  if (unit === "s") return `${points.format(value).replace("+", "")} s`;
  return plain.format(value);
}

/** "Cart: 2 items, €58.00, checkout step 1", as far as it is known. */
export function cartText({ cart_quantity: quantity, cart_value: value, checkout_step: step }) {
  const pieces = quantity === null ? "something in it" : `${plain.format(quantity)} ${quantity === 1 ? "item" : "items"}`;
  const parts = [quantity === 0 ? "empty" : pieces, value > 0 && shown(value * 100), step > 0 && `checkout step ${step}`];
  return `Cart: ${parts.filter(Boolean).join(", ")}`;
}

/** What a reason is about: "Time on product pages, 23 s", of "time on product pages, 23 s, lowers it by 8 points". */
export function subject(text) {
  return text.replace(/,? (raises?|lowers?) it by .*$/, "").replace(/^./, (first) => first.toUpperCase());
}

export function chance(probability) {
  return percent.format(probability);
}

/** A contribution to the probability in percentage points, with its sign. */
export function moved(contribution) {
  return `${points.format(contribution * 100).replace("-", "−")} pts`;
}
