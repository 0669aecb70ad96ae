// What the shop reports to the tracker, and what the tracker reports to the shop. The shop works the same where the tracker was
// blocked or its server is away.

/** While a page is looked at the tracker reports it every 15 s, so that an intent comes at least so often. */
const SILENT_AFTER = 25_000;
/** The page does not wait for the tracker, so it may come late; only then is it missing. */
const MISSING_AFTER = 3_000, LOOK_EVERY = 250;

export function event(category, action, label, value) {
  window.opEcomTracker?.trackEvent(category, action, label, value);
}

/** `amount` in units of the currency, such as euros. */
export function purchase(amount, orderId, currency) {
  window.opEcomTracker?.trackPurchase(amount, { orderId, currency });
}

/** Until the tracker has come, its stub stands in for it, whose calls are in an array. */
function isLoaded() {
  const tracker = window.opEcomTracker;
  return Boolean(tracker) && !Array.isArray(tracker.q);
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
    // Nothing is told of a page that nobody looks at.
    if (document.visibilityState === "visible" && document.hasFocus()) changed("lost");
    expect();
  }
  function offline() {
    changed("lost", "This browser is offline; what you do is sent when it is back.");
  }
  function begin() {
    if (isLoaded()) {
      clearInterval(looking);
      if (window.opEcomTracker.session()) changed("waiting");
      else changed("off", "Nothing is measured: this browser asks not to be tracked, has not agreed to it, or looks like a program.");
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
