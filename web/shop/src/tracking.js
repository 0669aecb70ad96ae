// What the shop tells the tracker, and what the tracker tells the shop. The shop works the same where the tracker was
// blocked or its server is away.

/** While a page is looked at the tracker tells of it every 15 s, so that an intent comes at least so often. */
const SILENT_AFTER = 25_000;

export function event(category, action, label, value) {
  window.opEcomTracker?.trackEvent(category, action, label, value);
}

/** `amount` in units of the currency, such as euros. */
export function purchase(amount, orderId, currency) {
  window.opEcomTracker?.trackPurchase(amount, { orderId, currency });
}

/**
 * Calls `arrived` with this session's intent now and after every change, and `changed` with "waiting", "lost" or "off"
 * (with the reason), until the function that it returns is called.
 */
export function followIntent(arrived, changed) {
  const tracker = window.opEcomTracker;
  if (!tracker) {
    changed("off", "The tracker did not load, so nothing is measured: is the ingest API running?");
    return () => {};
  }
  let timer = 0;
  function expect() {
    clearTimeout(timer);
    timer = setTimeout(silent, SILENT_AFTER);
  }
  function silent() {
    // Nothing is told of a page that nobody looks at.
    if (document.visibilityState === "visible" && document.hasFocus()) changed("lost");
    expect();
  }
  function offline() {
    changed("lost", "This browser is offline; what you do is sent when it is back.");
  }
  if (tracker.session()) changed("waiting");
  else changed("off", "Nothing is measured: this browser asks not to be tracked, has not agreed to it, or looks like a program.");
  const stop = tracker.onIntent((intent) => {
    arrived(intent);
    expect();
  });
  window.addEventListener("offline", offline);
  expect();
  return () => {
    clearTimeout(timer);
    window.removeEventListener("offline", offline);
    stop?.();
  };
}
