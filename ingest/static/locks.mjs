// Stands in for navigator.locks in tracker.js, on pages without TLS. In a race two tabs may send the same event, which
// counts once.

const MINUTE = 60 * 1000;

/** `core` is what the tracker lends; `request` is as in the Web Locks API, but gives up where a tab has the lock. */
export default function locks({ store }) {
  return {
    async request(name, work) {
      const left = store.get('lease') - Date.now();
      // A lease that lasts longer is of a clock that was set.
      if (left > 0 && left < MINUTE + 1000) return;
      const lease = String(Date.now() + MINUTE + Math.random());
      store.set('lease', lease);
      await new Promise((done) => setTimeout(done, 50));
      if (store.get('lease') !== lease) return;
      try { await work(); } finally { store.remove('lease'); }
    },
  };
}
