// Prices are whole cents, so that sums are exact; this is how they are shown and told to the tracker.

export const CURRENCY = "EUR";

const format = new Intl.NumberFormat("en-IE", { style: "currency", currency: CURRENCY });

export function shown(cents) {
  return format.format(amount(cents));
}

/** The amount in euros, as the tracker wants it. */
export function amount(cents) {
  return cents / 100;
}
