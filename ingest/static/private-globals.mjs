// What stands before tracker.js in tracker.private.mjs. The tracker's code follows unchanged, and finds in these names,
// in place of the browser's own, what keeps a visit in its tab: nothing is sent, and only sessionStorage is written.

const isPrivateStep = (name) => /\.e\.[\da-f-]{36}$/.test(name);
const privateSteps = { take: () => {}, newest: {} };

// The tracker's storage: of this tab alone. Its events wait for nobody, so they are handed over instead of kept.
const localStorage = Object.create({
  getItem(name) { return (isPrivateStep(name) ? privateSteps.newest[name] : this[name]) ?? null; },
  setItem(name, value) {
    if (isPrivateStep(name)) {
      // The newest page view may yet get its type.
      privateSteps.newest = { [name]: value };
      privateSteps.take(JSON.parse(value));
    } else {
      this[name] = String(value);
      try { sessionStorage.setItem(name, value); } catch {}
    }
  },
  removeItem(name) {
    delete this[name];
    try { sessionStorage.removeItem(name); } catch {}
  },
});
try {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith('opecom.')) localStorage[name] = sessionStorage.getItem(name);
  }
} catch {}

const { webdriver, userAgent } = window.navigator;
// Global Privacy Control forbids what leaves the page, and nothing does. Without a line the tracker does not try to
// send.
const navigator = {
  webdriver, userAgent, onLine: false, locks: { request: (_, work) => work() }, sendBeacon: () => true,
};
const fetch = () => Promise.reject(new Error('op-ecom: private mode sends nothing'));

// The page's calls until now wait for what follows tracker.js; a tracker that runs already stays.
const stub = window.opEcomTracker ?? { q: [], t: Date.now() };
const isTaken = !Array.isArray(stub.q), queued = isTaken ? [] : stub.q.splice(0);
window.opEcomTracker = stub;

