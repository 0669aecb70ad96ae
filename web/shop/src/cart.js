// The cart: lines of a product in a colour, kept over reloads and shared by tabs.

import { VARIANTS, product } from "./catalogue.js";
import { read, write } from "./stored.js";

const NAME = "fennel.cart";
const MOST = 20;
const FREE_FROM = 6000;
const STANDARD = 490;
const EXPRESS = 990;

const watchers = new Set();

/** The lines that can still be bought: [{slug, variant, quantity, product, sum}], prices in cents. */
export function lines() {
  const kept = read("localStorage", NAME, []);
  return (Array.isArray(kept) ? kept : []).filter(isLine).map((line) => {
    const found = product(line.slug);
    return { ...line, product: found, sum: found.price * line.quantity };
  });
}

export function pieces() {
  return lines().reduce((count, line) => count + line.quantity, 0);
}

/** What the cart costs in cents: goods, delivery and their total. */
export function totals(express = false) {
  const goods = lines().reduce((sum, line) => sum + line.sum, 0);
  const delivery = express ? EXPRESS : standardDelivery(goods);
  return { goods, delivery, total: goods + delivery };
}

/** What is missing for free delivery, in cents. */
export function missingForFree() {
  return Math.max(0, FREE_FROM - totals().goods);
}

/** Returns how many were added: a line has 20 at most. */
export function add(slug, variant, quantity) {
  const kept = lines();
  let line = kept.find((each) => each.slug === slug && each.variant === variant);
  if (!line) kept.push((line = { slug, variant, quantity: 0 }));
  const before = line.quantity;
  line.quantity = Math.min(MOST, before + quantity);
  keep(kept);
  return line.quantity - before;
}

/** Sets how many of a line there are; 0 takes it out. */
export function change(slug, variant, quantity) {
  const kept = lines().map((line) =>
    line.slug === slug && line.variant === variant ? { ...line, quantity: Math.min(MOST, quantity) } : line,
  );
  keep(kept.filter((line) => line.quantity > 0));
}

export function clear() {
  keep([]);
}

/** Calls `watcher` whenever the cart changes, here or in another tab, until it answers false. */
export function watch(watcher) {
  watchers.add(watcher);
}

window.addEventListener("storage", (event) => {
  if (event.key === NAME || event.key === null) told();
});

function standardDelivery(goods) {
  return goods === 0 || goods >= FREE_FROM ? 0 : STANDARD;
}

function keep(kept) {
  const plain = kept.map(({ slug, variant, quantity }) => ({ slug, variant, quantity }));
  write("localStorage", NAME, plain);
  told();
}

function told() {
  for (const watcher of watchers) if (watcher() === false) watchers.delete(watcher);
}

function isLine(line) {
  const sold = line && product(line.slug);
  const counted = line && Number.isInteger(line.quantity) && line.quantity > 0 && line.quantity <= MOST;
  return Boolean(sold && counted && sold.variants.includes(line.variant) && VARIANTS[line.variant]);
}
