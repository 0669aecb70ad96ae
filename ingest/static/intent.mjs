// The live intent of tracker.js: one token and one stream for all who called onIntent or onIntervention.
// `core` is what the tracker lends; returns a function to be called when callbacks or the session have changed.

// A message belongs to its moment: so long after it came, in ms, a page that was out of sight does not show it any more.
const MOMENT = 120000, REMEMBERED = 100;

export default function liveIntent(core) {
  const { store, watchers, on, safe, warn, request, isFinal, backoff, queue, now, halted } = core;
  const messages = [];
  let stream = null, latest = null, tries = 0;

  function close() {
    if (stream && stream.source) stream.source.close();
    stream = latest = null;
  }

  /** Calls who waits for intents with the newest, each once. */
  function tell() {
    for (const each of watchers) {
      if (each[0] !== 'intent' || !latest || each.told === latest) continue;
      each.told = latest;
      safe(each[1])(latest);
    }
  }

  /** What a callback gets of a message. */
  function intervention({ intervention: name, opened_at, fired_at: firedAt, payload, session }) {
    const said = new Set(), made = { name, payload, firedAt };
    for (const action of ['shown', 'dismissed', 'clicked']) {
      made[action] = safe(() => {
        if (halted() || said.has(action)) return;
        said.add(action);
        // It is about this session, and must neither begin one nor keep one open.
        queue(now(), { type: 'intervention', session_id: session, intervention: { name, opened_at, action } });
      });
    }
    return made;
  }

  /** Gives the messages to their callbacks, in the tab that is seen; what any tab has had is remembered by all. */
  function take() {
    const takers = [...watchers].filter(([type]) => type === 'intervention');
    if (!takers.length || Reflect.get(Document.prototype, 'visibilityState', document) !== 'visible') return;
    for (const message of messages.splice(0)) {
      const key = message.opened_at + '.' + message.intervention, open = core.session();
      const known = (store.get('interventions') || '').split(' ');
      if (!open || open.id !== message.session || performance.now() - message.at > MOMENT) continue;
      if (known.includes(key)) continue;
      store.set('interventions', known.concat(key).slice(-REMEMBERED).join(' '));
      takers.forEach(([, callback]) => safe(callback)(intervention(message)));
    }
  }

  const handOver = safe(() => {
    if (!messages.length) return;
    if (!navigator.locks) return take();
    return navigator.locks.request(`opecom.${core.settings.site || ''}.interventions`, safe(take));
  });

  const open = safe(async () => {
    tell();
    handOver();
    const session = watchers.size && core.session();
    if (stream && (!session || stream.id !== session.id)) close();
    if (stream || !session) return;
    const mine = stream = { id: session.id };
    const again = () => {
      if (stream !== mine) return;
      close();
      setTimeout(open, backoff(tries++));
    };
    try {
      const response = await request('/tracker/intent/token', JSON.stringify({ session_id: mine.id }));
      const { token, reason } = await response.json();
      // The stream stays as it is, so that nobody asks again for what the site does not allow.
      if (isFinal(response.status)) { warn(`no live intent: ${reason}`); return; }
      if (stream !== mine) return;
      mine.source = new EventSource(core.settings.api + '/tracker/intent/stream?token=' + encodeURIComponent(token));
    } catch { again(); return; }
    on(mine.source, 'intent', (event) => {
      tries = 0;
      const intent = JSON.parse(event.data);
      // What an experiment or a hold-out holds back, the page does not see, nor does who calls onIntent later.
      latest = intent.held ? null : intent;
      tell();
    });
    on(mine.source, 'intervention', (event) => {
      tries = 0;
      messages.push({ ...JSON.parse(event.data), session: mine.id, at: performance.now() });
      handOver();
    });
    // 2: closed for good.
    on(mine.source, 'error', () => { if (mine.source.readyState === 2) again(); });
  });

  on(document, 'visibilitychange', handOver);
  on(window, 'pagehide', close);
  on(window, 'pageshow', open);
  return open;
}
