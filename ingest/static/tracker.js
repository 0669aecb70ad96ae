// Tells POST {api}/v1/batch what happens in this browser; docs/tracker.md says what is sent and kept.
// Whatever fails in here, the page must not notice.
(function (window, document) {
  'use strict';
  if (window.opEcomTracker) return;

  const SECOND = 1000, MINUTE = 60 * SECOND, IDLE = 30 * MINUTE, CAP = 24 * 60 * MINUTE;
  const BATCH_AFTER = 3 * SECOND, HEARTBEAT = 15 * SECOND, MOST_QUEUED = 1000;
  const MOST_BYTES = 60000; // requests that outlive their page may have 64 kB
  const TYPES = ['Administrative', 'Informational', 'ProductRelated'];

  let settings, prefix, started, running = false, timer = 0, fails = 0, asked = false, mostEvents = 100;
  let view = null, waiting = 0, here, wanted, activeSince = 0, leftAt = 0, lastAt = 0, movingOnAt = 0, beat = 0;

  const safe = (work) => function () {
    try {
      const result = work.apply(this, arguments);
      return result instanceof Promise ? result.catch(() => {}) : result;
    } catch {}
  };
  const on = (target, type, work) => target.addEventListener(type, safe(work), true);
  const warn = (text) => console.warn('OP-ECOM tracker: ' + text);
  const parsed = (text) => { try { return JSON.parse(text); } catch { return null; } };

  // localStorage may be blocked or full.
  const memory = {};
  const store = {
    get(name) {
      try { if (!(name in memory)) return localStorage.getItem(prefix + name); } catch {}
      return name in memory ? memory[name] : null;
    },
    set(name, value) {
      try { localStorage.setItem(prefix + name, value); delete memory[name]; } catch { memory[name] = value; }
    },
    remove(name) {
      delete memory[name];
      try { localStorage.removeItem(prefix + name); } catch {}
    },
    names(begin) {
      let names = Object.keys(memory).map((name) => prefix + name);
      try { names = names.concat(Object.keys(localStorage)); } catch {}
      return names.filter((name) => name.startsWith(prefix + begin)).map((name) => name.slice(prefix.length)).sort();
    },
  };

  // UUIDv7: a time, a count within it, and chance.
  let idTime = 0, idCount = 0;
  const hex = (number, width) => number.toString(16).padStart(width, '0');
  function uuid(at) {
    const chance = crypto.getRandomValues(new Uint16Array(4));
    if (at > idTime || idCount > 4094) {
      idTime = Math.max(at, idTime + 1);
      idCount = 0;
    }
    const all = hex(idTime, 12) + hex(0x7000 + idCount++, 4) + hex(chance[0] & 0x3fff | 0x8000, 4) +
      hex(chance[1], 4) + hex(chance[2], 4) + hex(chance[3], 4);
    return all.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  // ---- The session, one for all tabs.

  function current(at) {
    const open = parsed(store.get('session'));
    return open && at - open.last < IDLE && at - open.at < CAP ? open : null;
  }

  function begin(at) {
    const type = store.get('visitor') ? 'Returning_Visitor' : 'New_Visitor';
    if (wanted || type === 'New_Visitor') store.set('visitor', wanted || uuid(at));
    store.set('session', JSON.stringify({ id: uuid(at), at, last: at, type }));
    make('session_start', at, { page: { url: address(), referrer: referrer() } });
    if (stream) { unwatch(); watch(); }
  }

  function make(type, at, member) {
    if (halted()) return;
    if (!current(at)) {
      begin(at);
      // Whoever comes back to an open page looks at it in the new session.
      if (type !== 'page_view') makeView(at);
    }
    const open = current(at);
    open.last = Math.max(open.last, at);
    open.ended = type === 'session_end';
    store.set('session', JSON.stringify(open));
    lastAt = at;
    const event = {
      type, event_id: uuid(at), session_id: open.id, visitor_id: store.get('visitor'), visitor_type: open.type,
      occurred_at: at, ...member,
    };
    store.set('e.' + event.event_id, JSON.stringify(event));
    const queued = store.names('e.');
    queued.slice(0, Math.max(0, queued.length - MOST_QUEUED)).forEach(store.remove);
    schedule();
  }

  // ---- Page views.

  // #/cart and #!/cart are routes; other fragments are places, or secrets.
  function address() {
    const route = /^#!?(\/.*)/.exec(location.hash);
    const path = route ? location.pathname.replace(/\/$/, '') + route[1] : location.pathname;
    return (location.origin + path + (path.includes('?') ? '' : location.search)).slice(0, 4000);
  }

  const referrer = () => (view ? view.url : document.referrer.slice(0, 4000)) || undefined;

  function makeView(at, type) {
    const marked = document.querySelector('[data-page-type]');
    const page = { url: address(), type: type || (marked && marked.dataset.pageType), referrer: referrer() };
    if (!TYPES.includes(page.type)) delete page.type;
    view = { at, url: page.url, engaged: 0, told: 0, deep: 0 };
    if (activeSince) activeSince = at;
    make('page_view', at, { page });
  }

  // A page draws after its route has changed.
  function awaitView() {
    settle();
    look();
    tell(waiting = Date.now());
    const later = () => setTimeout(safe(settle), 50);
    if (document.readyState === 'loading') on(document, 'DOMContentLoaded', later);
    else later();
  }

  function settle(type) {
    const at = waiting;
    waiting = 0;
    if (at) makeView(at, type);
    return at;
  }

  function moved(alsoQuery) {
    const before = here;
    here = address();
    const same = alsoQuery ? before === here : before.split('?')[0] === here.split('?')[0];
    if (running && !same && settings.pages !== 'manual') awaitView();
  }

  function follow(name, alsoQuery) {
    const original = history[name], after = safe(moved);
    history[name] = function () {
      const result = original.apply(this, arguments);
      after(alsoQuery);
      return result;
    };
  }

  // ---- Time on a page: while it is visible and has the focus.

  function look(leaving) {
    const now = Date.now(), was = activeSince;
    const active = !leaving && document.visibilityState === 'visible' && document.hasFocus();
    // A sleeping machine is not looked at.
    if (was && view) view.engaged += Math.min(Math.max(now - was, 0), 2 * HEARTBEAT);
    activeSince = active ? now : 0;
    if (active === !!was) return;
    clearInterval(beat);
    if (active) {
      // No view counts longer: a forgotten page must not keep its session open.
      beat = setInterval(safe(() => { look(); if (activeSince && activeSince - view.at < IDLE) ping(activeSince); }), HEARTBEAT);
      const open = current(now);
      if (!open || open.ended) ping(now);
    } else {
      leftAt = now;
      tell(now);
    }
  }

  function tell(at) {
    if (view && view.engaged - view.told >= SECOND) ping(at);
  }

  function ping(at) {
    if (halted() || !view) return;
    if (!current(at)) return makeView(at);
    view.told = view.engaged;
    const height = document.documentElement.scrollHeight || 1;
    const depth = Math.min(100, Math.round(100 * Math.max(view.deep, scrollY + innerHeight) / height));
    make('page_ping', at, { ping: { engaged_ms: view.engaged, scroll_depth: depth } });
  }

  function hide() {
    const now = Date.now(), active = activeSince;
    settle();
    look(true);
    const at = Math.max(active ? now : leftAt, lastAt);
    // Going on within the site ends nothing, nor does a tab in the background.
    if (now - movingOnAt > 10 * SECOND && now - at < 5 * MINUTE && current(now)) make('session_end', at);
    leave();
    unwatch();
  }

  // ---- Sending. A key for each event, so that tabs cannot overwrite each other's: `e.` waits, `u.` is on its way.

  function move(from, to, id) {
    const text = store.get(from + id);
    if (text) { store.set(to + id, text); store.remove(from + id); }
  }
  const forget = (ids) => ids.forEach((id) => { store.remove('u.' + id); store.remove('e.' + id); });
  const back = (ids) => ids.forEach((id) => move('u.', 'e.', id));
  const unsure = () => store.names('u.').map((name) => name.slice(2));

  function take() {
    const ids = [], texts = [];
    let size = 200;
    for (const name of store.names('e.').slice(0, mostEvents)) {
      const text = store.get(name);
      if (!text) continue;
      size += new Blob([text]).size + 1;
      if (size > MOST_BYTES) break;
      ids.push(name.slice(2));
      texts.push(text);
    }
    ids.forEach((id) => move('e.', 'u.', id));
    const site = settings.site ? `"site":${JSON.stringify(settings.site)},` : '';
    return { ids, body: `{${site}"sent_at":${Date.now()},"events":[${texts.join()}]}` };
  }

  const pause = () => Math.min(Math.max(0, store.get('wait') - Date.now()), 60 * MINUTE);
  const backoff = (times) => Math.min(5 * MINUTE, BATCH_AFTER * 2 ** times) * (0.5 + Math.random() / 2);

  function schedule() {
    if (!timer) timer = setTimeout(safe(send), Math.max(BATCH_AFTER, pause()));
  }

  function request(path, body) {
    const headers = { 'content-type': 'application/json' };
    if (settings.key) headers['x-opecom-key'] = settings.key;
    const signal = AbortSignal.timeout ? AbortSignal.timeout(20 * SECOND) : undefined;
    return fetch(settings.api + path, { method: 'POST', headers, body, signal, keepalive: true, credentials: 'omit' });
  }

  const isFinal = (status) => status >= 400 && status < 500 && status !== 408 && status !== 429;

  async function post({ ids, body }) {
    let status = 0, told = 0, answer = null;
    try {
      const response = await request('/v1/batch', body);
      status = response.status;
      const after = response.headers.get('retry-after');
      told = after ? after * SECOND || Math.max(0, Date.parse(after) - Date.now()) : 0;
      answer = await response.json();
    } catch {}
    if (status >= 200 && status < 300 && answer && answer.refused) {
      // With the way open, what an earlier page sent on leaving has arrived too.
      answer.refused.forEach(({ index, reason }) => warn(`${ids[index]} refused: ${reason}`));
      forget(ids.concat(unsure()));
      store.remove('wait');
      fails = 0;
    } else if (status === 413 && ids.length > 1) {
      mostEvents = ids.length >> 1;
      back(ids);
    } else if (isFinal(status)) {
      warn(`${ids.length} events refused: ${status} ${answer && answer.reason}`);
      forget(ids);
    } else {
      back(unsure());
      asked = told > 0;
      store.set('wait', Date.now() + (told ? told + Math.random() * BATCH_AFTER : backoff(++fails)));
    }
  }

  const send = safe(async function () {
    clearTimeout(timer);
    timer = 0;
    if (!running || navigator.onLine === false) return;
    await alone(async () => {
      for (let batch; !pause() && (batch = take()).ids.length;) await post(batch);
    });
    if (store.names('e.').length) schedule();
  });

  // One tab sends at a time. Pages without TLS have no locks, only a lease.
  async function alone(work) {
    if (navigator.locks) {
      await navigator.locks.request(prefix + 'send', work);
      return;
    }
    if (store.get('lease') > Date.now()) return;
    const lease = String(Date.now() + MINUTE + Math.random());
    store.set('lease', lease);
    await new Promise((done) => setTimeout(done, 50));
    if (store.get('lease') !== lease) return;
    try { await work(); } finally { store.remove('lease'); }
  }

  // A page that goes away cannot wait.
  function leave() {
    if (!running || pause() || navigator.onLine === false) return;
    const { ids, body } = take();
    let sent = !ids.length;
    try {
      const query = settings.key ? '?key=' + encodeURIComponent(settings.key) : '';
      sent = sent || navigator.sendBeacon(settings.api + '/v1/batch' + query, new Blob([body], { type: 'text/plain' }));
    } catch {}
    if (!sent) back(ids);
  }

  // ---- The live intent.

  const watchers = new Set();
  let stream = null, latest = null, tries = 0;

  function unwatch() {
    if (stream && stream.source) stream.source.close();
    stream = latest = null;
  }

  const watch = safe(async function () {
    const open = !halted() && current(Date.now());
    if (stream || !open || !watchers.size) return;
    const mine = stream = {};
    const again = (wait) => {
      if (stream !== mine) return;
      unwatch();
      setTimeout(safe(watch), wait);
    };
    try {
      const response = await request('/tracker/intent/token', JSON.stringify({ session_id: open.id }));
      const { token, reason } = await response.json();
      if (isFinal(response.status)) { warn(`no live intent: ${reason}`); return; }
      if (stream !== mine) return;
      mine.source = new EventSource(settings.api + '/tracker/intent/stream?token=' + encodeURIComponent(token));
    } catch { again(backoff(tries++)); return; }
    on(mine.source, 'intent', (event) => {
      tries = 0;
      latest = JSON.parse(event.data);
      watchers.forEach((watcher) => safe(watcher)(latest));
    });
    // 2: closed for good.
    on(mine.source, 'error', () => { if (mine.source.readyState === 2) again(backoff(tries++)); });
  });

  // ---- Starting and stopping.

  function run() {
    running = true;
    here = address();
    if (!current(Date.now())) begin(Date.now());
    if (wanted) store.set('visitor', wanted);
    if (settings.pages !== 'manual') awaitView();
    look();
    schedule();
    watch();
  }

  // Another tab may have said so.
  function halted() {
    if (running && store.get('consent') === '0') {
      unwatch();
      running = false;
      view = null;
      waiting = 0;
      wipe();
    }
    return !running;
  }

  const wipe = () => store.names('').forEach((name) => name === 'consent' || store.remove(name));

  function allowed() {
    const { globalPrivacyControl, doNotTrack, webdriver, userAgent } = navigator;
    if (globalPrivacyControl || doNotTrack === '1' || webdriver) return false;
    return !/(^|[^u])bot\b|crawl|spider|headless|lighthouse/i.test(userAgent);
  }

  function start(options) {
    if (started) return;
    started = true;
    settings = { ...options, api: options.api.replace(/\/+$/, '') };
    prefix = `opecom.${settings.site || ''}.`;
    if (!allowed()) return;
    if (document.prerendering) on(document, 'prerenderingchange', go);
    else go();
  }

  function go() {
    follow('pushState', true);
    follow('replaceState', false);
    on(window, 'popstate', () => moved(true));
    on(window, 'hashchange', () => moved(true));
    if (window.navigation) {
      on(window.navigation, 'navigate', ({ destination, downloadRequest }) => {
        const own = new URL(destination.url).origin === location.origin;
        if (!destination.sameDocument) movingOnAt = own && downloadRequest == null ? Date.now() : 0;
      });
    }
    on(window, 'focus', () => look());
    on(window, 'blur', () => look());
    on(document, 'visibilitychange', () => { look(); if (document.visibilityState === 'hidden') leave(); });
    on(window, 'scroll', () => { if (view) view.deep = Math.max(view.deep, scrollY + innerHeight); });
    on(window, 'online', () => { if (!asked) store.remove('wait'); send(); });
    on(window, 'pagehide', hide);
    on(window, 'pageshow', (event) => {
      if (!event.persisted || halted()) return;
      movingOnAt = 0;
      if (settings.pages !== 'manual') makeView(Date.now());
      look();
      watch();
    });
    on(window, 'storage', ({ key }) => { if (key === prefix + 'consent') heed(); });
    heed();
  }

  function heed() {
    const said = store.get('consent');
    if (halted() && (said === '1' || (said !== '0' && settings.consent !== 'required'))) run();
  }

  function consent(given) {
    if (!started || !allowed()) return;
    if (!given) wipe();
    store.set('consent', given ? '1' : '0');
    heed();
  }

  // Half a character spoils a batch.
  const text = (given) => (given == null ? undefined : String(given).slice(0, 200).replace(/\p{Cs}/gu, '\ufffd'));

  const tracker = {
    start,
    consent,
    session() {
      const open = !halted() && current(Date.now());
      return open ? { sessionId: open.id, visitorId: store.get('visitor') } : null;
    },
    trackEvent(category, action, label, value) {
      settle();
      const number = value == null ? undefined : Number(value);
      const custom = { category: text(category), action: text(action), label: text(label), value: number };
      make('custom', Date.now(), { custom });
    },
    trackPurchase(amount, { orderId, currency } = {}) {
      settle();
      const purchase = { amount: Number(amount), order_id: text(orderId), currency: text(currency) };
      make('purchase', Date.now(), { purchase });
      send();
    },
    page(type) {
      if (!halted() && !settle(type)) makeView(Date.now(), type);
    },
    identify(visitorId) {
      if (!/^[\w.:~-]{1,64}$/.test(visitorId)) return;
      wanted = String(visitorId);
      if (!halted()) store.set('visitor', wanted);
    },
    async flush() {
      settle();
      await send();
    },
    onIntent(callback) {
      watchers.add(callback);
      if (latest) safe(callback)(latest);
      watch();
      return () => { if (watchers.delete(callback) && !watchers.size) unwatch(); };
    },
  };
  for (const name of Object.keys(tracker)) tracker[name] = safe(tracker[name]);
  window.opEcomTracker = tracker;

  const tag = document.currentScript;
  if (tag && tag.dataset.api) tracker.start(tag.dataset);
})(window, document);
