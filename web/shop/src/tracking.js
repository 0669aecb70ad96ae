// What the shop reports to the tracker, and what the tracker reports to the shop. The shop works the same where the tracker was
// blocked or its server is away.

import { CURRENCY, amount } from "./money.js";
import { read } from "./stored.js";

/** While a page is looked at the tracker reports it every 15 s, so that an intent comes at least so often. */
const SILENT_AFTER = 25_000;
/** The page does not wait for the tracker, so it may come late; only then is it missing. */
const MISSING_AFTER = 3_000, LOOK_EVERY = 250;

export function event(category, action, label, value) {
  window.opEcomTracker?.trackEvent(category, action, label, value);
}

/** `cents` is what the order costs, delivery included. */
export function purchase(cents, orderId) {
  window.opEcomTracker?.trackPurchase(amount(cents), { orderId, currency: CURRENCY });
}

export function listShown(products) {
  track("view_item_list", products.map((product) => ({ product, quantity: 1 })));
}

export function productShown(product) {
  track("view_item", [{ product, quantity: 1 }]);
}

/** `by` is how many pieces of a product there are more in the cart than before, fewer where it is negative. */
export function cartChanged(product, by) {
  if (by) track(by > 0 ? "add_to_cart" : "remove_from_cart", [{ product, quantity: Math.abs(by) }]);
}

/** `lines` are the whole cart. */
export function cartShown(lines) {
  track("view_cart", lines);
}

/** A step of the checkout: "begin_checkout", "add_shipping_info" or "add_payment_info"; `lines` are the whole cart. */
export function checkoutReached(step, lines) {
  track(step, lines);
}

/** Actions have the names of Google Analytics 4. A product is one whatever its colour: its id is its slug. */
function track(action, lines) {
  const items = lines.map(({ product, quantity }) => ({ id: product.slug, quantity, price: amount(product.price) }));
  // In cents, so that the sum is exact. What a whole list of products would cost says nothing.
  const cents = lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
  const value = action === "view_item_list" ? undefined : amount(cents);
  window.opEcomTracker?.track(action, { currency: CURRENCY, value, items });
}

/** Until the tracker has come, its stub stands in for it, whose calls are in an array. */
function isLoaded() {
  const tracker = window.opEcomTracker;
  return Boolean(tracker) && !Array.isArray(tracker.q);
}

/** Whether the visitor has taken consent back, or has not given it where the tag requires it. */
function hasNotAgreed() {
  const { site = "", consent } = document.querySelector("script[data-api]")?.dataset ?? {};
  const kept = read("localStorage", `opecom.${site}.consent`, null);
  return kept === 0 || (kept !== 1 && consent === "required");
}

/** Why nothing is measured. The tracker, which looks at the same, reports only that there is no session. */
function whyOff() {
  const { globalPrivacyControl, doNotTrack, webdriver } = navigator;
  if (globalPrivacyControl) return "Nothing is measured: this browser asks not to be tracked (Global Privacy Control).";
  if (doNotTrack === "1") return "Nothing is measured: this browser asks not to be tracked (Do Not Track).";
  if (!webdriver && hasNotAgreed()) return "Nothing is measured: you have not agreed to it.";
  return "Nothing is measured: this browser looks like a program.";
}

/**
 * Calls `arrived` with this session's intent now and after every change, and `changed` with "waiting", "lost" or "off"
 * (with the reason), until the function that it returns is called.
 */
export function followIntent(arrived, changed) {
  let timer = 0, looking = 0, stop;
  const since = performance.now();
  function expect() {
    clearTimeout(timer);
    timer = setTimeout(silent, SILENT_AFTER);
  }
  function silent() {
    if (hasNotAgreed()) changed("off", whyOff());
    // No score comes of a page that nobody looks at.
    else if (document.visibilityState === "visible" && document.hasFocus()) changed("lost");
    expect();
  }
  function offline() {
    changed("lost", "This browser is offline; what you do is sent when it is back.");
  }
  function begin() {
    if (isLoaded()) {
      clearInterval(looking);
      if (window.opEcomTracker.session()) changed("waiting");
      else changed("off", whyOff());
      stop = window.opEcomTracker.onIntent((intent) => {
        arrived(intent);
        expect();
      });
      expect();
    } else if (performance.now() - since > MISSING_AFTER) {
      changed("off", "The tracker did not load, so nothing is measured: is the ingest API running?");
    }
  }
  changed("waiting");
  looking = setInterval(begin, LOOK_EVERY);
  begin();
  window.addEventListener("offline", offline);
  return () => {
    clearTimeout(timer);
    clearInterval(looking);
    window.removeEventListener("offline", offline);
    stop?.();
  };
}
