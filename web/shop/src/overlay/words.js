// How the overlay writes what an intent has. Reasons come with words of their own, from the server.

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

export function chance(probability) {
  return percent.format(probability);
}

/** A contribution to the probability in percentage points, with its sign. */
export function moved(contribution) {
  return `${points.format(contribution * 100).replace("-", "−")} pts`;
}
