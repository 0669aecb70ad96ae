// See docs/tracker.md. Whatever fails in here, the page must not notice.
(function (window, document) {
  'use strict';
  const SECOND = 1000, MINUTE = 60 * SECOND, IDLE = 30 * MINUTE, DAY = 24 * 60 * MINUTE, SKEW = 5 * MINUTE;
  const BATCH_AFTER = 3 * SECOND, HEARTBEAT = 15 * SECOND, DRAW = 50, MAX_QUEUED = 1000;
  const MAX_BYTES = 60000, TYPES = ['Administrative', 'Informational', 'ProductRelated'];

  let settings, prefix, startAt, started, ready, arrived, running, past = 0, pastId;
  let timer = 0, fails = 0, isDeferred, maxEvents = 100;
  let view = null, waits, drawn, drawing, marked, shown, here, wanted;
  let activeSince = 0, leftAt = 0, lastAt = 0, lastTick, movingOnAt, beat;

  const safe = (work) => function (...given) {
    try {
      const result = work.apply(this, given);
      return result instanceof Promise ? result.catch(() => {}) : result;
    } catch {}
  };
  const on = (target, type, work) => EventTarget.prototype.addEventListener.call(target, type, safe(work), true);
  const warn = (text) => console.warn('OP-ECOM tracker:', text);
  const parsed = safe(JSON.parse);
  // A form or an image with the name of a property hides it.
  const dom = (name) => Reflect.get(Document.prototype, name, document);

  // The wall's clock may be set: `tick` is for ages.
  const now = () => past || Date.now();
  const tick = () => performance.now();

  const memory = {};
  const store = {
    get(name) {
      try { return name in memory ? memory[name] : localStorage.getItem(prefix + name); } catch { return null; }
    },
    set(name, value) {
      try { localStorage.setItem(prefix + name, value); delete memory[name]; } catch { memory[name] = value; }
    },
    remove(name) {
      delete memory[name];
      try { localStorage.removeItem(prefix + name); } catch {}
    },
    names(begin) {
      let names = [];
      try { names = Object.keys(localStorage); } catch {}
      names = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
      return names.concat(Object.keys(memory)).filter((name) => name.startsWith(begin)).sort();
    },
  };

  // Of the newest id, in 1/256 ms.
  let idTime = 0;
  function uuid(at) {
    const time = pastId ? pastId++ : idTime = Math.max(256 * at, idTime + 1);
    return [time, ...crypto.getRandomValues(new Uint16Array(4))]
      .map((part, place) => part.toString(16).padStart(place ? 4 : 14, '0')).join('')
      .replace(/(.{8})(.{4})(...)(...)/, '$1-$2-7$3-8$4-');
  }

  const isAhead = (at) => at - Date.now() > SKEW;

  function current(at) {
    const open = parsed(store.get('session'));
    const own = open && open.last === lastAt;
    if (!open || isAhead(open.last) && !own) return null;
    return Math.max(at - open.last, own ? tick() - lastTick : 0) < IDLE && at - open.at < DAY ? open : null;
  }

  function begin(at) {
    const isNew = !store.get('visitor');
    // Sessions, purchases; unknown of an earlier release.
    const { last, counts } = isNew ? { counts: [0, 0] } : parsed(store.get('session')) || {};
    const open = { id: uuid(at), at, last: at, type: isNew ? 'New_Visitor' : 'Returning_Visitor', counts };
    const history = counts && {
      previous_sessions: counts[0]++, previous_purchases: counts[1],
      days_since_previous_session: at >= last ? (at - last) / DAY : undefined,
    };
    if (wanted || isNew) store.set('visitor', wanted || uuid(at));
    store.set('session', JSON.stringify(open));
    make('session_start', at, { page: { url: address(), referrer: referrer() }, history });
    watch();
  }

  function make(type, at, member) {
    if (halted()) return;
    at = Math.min(at, Date.now());
    if (!current(at)) {
      begin(at);
      if (type !== 'page_view') makeView(at);
    }
    const open = current(at);
    lastAt = open.last = isAhead(open.last) ? at : Math.max(open.last, at);
    lastTick = tick();
    open.at = Math.min(open.at, at);
    open.ended = type === 'session_end';
    if (type === 'purchase' && open.counts) open.counts[1]++;
    store.set('session', JSON.stringify(open));
    return queue(at, { type, session_id: open.id, visitor_type: open.type, ...member });
  }

  function queue(at, event) {
    const event_id = uuid(at);
    store.set('e.' + event_id, JSON.stringify({
      ...event, event_id, visitor_id: store.get('visitor'), occurred_at: at,
    }));
    store.names('e.').slice(0, -MAX_QUEUED)
      .forEach((name) => /^{"type":"purchase"/.test(store.get(name)) || store.remove(name));
    schedule();
    return event_id;
  }

  // Fragments that are no routes are places, or secrets.
  function address() {
    const route = /^#!?(\/.*)/.exec(location.hash);
    const path = route ? location.pathname.replace(/\/$/, '') + route[1] : location.pathname;
    return (location.origin + path + (path.includes('?') ? '' : location.search)).slice(0, 4000);
  }

  const referrer = () => (view ? view.url : dom('referrer').slice(0, 4000)) || undefined;

  function readType(isNew) {
    const found = dom('querySelector').call(document, '[data-page-type]');
    shown = found && Element.prototype.getAttribute.call(found, 'data-page-type');
    drawn = TYPES.includes(shown) && (isNew || drawn || found !== marked);
    marked = found;
  }

  function newView(at) {
    view = { at, url: address(), referrer: referrer(), tick: tick(), engaged: 0, reported: 0, deep: 0 };
    if (activeSince) activeSince = view.tick;
    waits = true;
    readType();
    drawn = false;
  }

  function makeView(at, type) {
    newView(at);
    settle(type);
  }

  function awaitView() {
    settle(shown || '-');
    look();
    report(now());
    newView(now());
    schedule();
    poll(DRAW);
  }

  function poll(wait) {
    clearTimeout(drawing);
    drawing = setTimeout(safe(() => {
      readType();
      if (drawn || wait > 500 && dom('readyState') !== 'loading') settle();
      else poll(2 * wait);
    }), wait);
  }

  const settle = safe((type) => {
    if (!waits) return;
    waits = false;
    clearTimeout(drawing);
    if (!type) readType();
    const page = { url: view.url, type: TYPES.find((each) => each === (type || shown)), referrer: view.referrer };
    view.id = make('page_view', view.at, { page });
    return true;
  });

  function moved(isReplaced) {
    const before = here;
    here = address();
    const same = isReplaced ? before.split('?')[0] === here.split('?')[0] : before === here;
    if (!running || same || settings.pages === 'manual') return;
    // A redirect
    if (isReplaced && waits) view.url = here;
    else awaitView();
  }

  function followRoutes() {
    if (window.hasOwnProperty('navigation')) {
      on(navigation, 'currententrychange', ({ navigationType }) => moved(navigationType === 'replace'));
      on(navigation, 'navigate', ({ destination, downloadRequest }) => {
        const isOwn = new URL(destination.url).origin === location.origin;
        if (!destination.sameDocument) movingOnAt = isOwn && downloadRequest == null ? tick() : NaN;
      });
    } else {
      for (const name of ['pushState', 'replaceState']) {
        const original = history[name], after = safe(moved);
        history[name] = function () {
          const result = original.apply(this, arguments);
          after(name === 'replaceState');
          return result;
        };
      }
      for (const name of ['popstate', 'hashchange']) on(window, name, () => moved());
    }
  }

  function look(isLeaving) {
    const was = activeSince;
    const active = !isLeaving && dom('visibilityState') === 'visible' && dom('hasFocus').call(document);
    activeSince = active ? tick() : 0;
    if (was && view) view.engaged += Math.min(tick() - was, 2 * HEARTBEAT);
    if (active === !!was) return;
    clearInterval(beat);
    if (active) {
      // A forgotten page must not keep its session open.
      beat = setInterval(safe(() => {
        look();
        if (activeSince && activeSince - view.tick < IDLE) ping(now());
      }), HEARTBEAT);
      const open = current(now());
      if (!open || open.ended) ping(now());
    } else {
      leftAt = now();
      report(leftAt);
    }
  }

  function report(at) {
    if (view && view.engaged - view.reported >= SECOND) ping(at);
  }

  function ping(at) {
    if (halted() || !view) return;
    settle();
    if (!current(at)) return makeView(at);
    view.reported = view.engaged;
    const seen = Math.max(view.deep, scrollY + innerHeight) / (dom('documentElement').scrollHeight || 1);
    make('page_ping', at, { ping: {
      engaged_ms: Math.round(view.engaged), scroll_depth: Math.min(100, Math.round(100 * seen)),
    } });
  }

  function hide() {
    const at = now(), active = activeSince;
    settle();
    look(true);
    const end = Math.max(active ? at : leftAt, lastAt);
    if (!(tick() - movingOnAt < 10 * SECOND) && at - end < 5 * MINUTE && current(at)) make('session_end', end);
    leave();
  }

  // `e.` waits, `u.` is on its way.

  function move(ids, from, to) {
    for (const id of ids) {
      const text = store.get(from + id);
      if (text && to) store.set(to + id, text);
      store.remove(from + id);
    }
  }
  const back = (ids) => move(ids, 'u.', 'e.');
  const forget = (ids) => { move(ids, 'u.'); move(ids, 'e.'); };
  const unsure = () => store.names('u.').map((name) => name.slice(2));

  function take() {
    const ids = [], texts = [];
    let size = 200;
    for (const name of store.names('e.').slice(0, maxEvents)) {
      const text = store.get(name);
      size += new Blob([text]).size + 1;
      if (size > MAX_BYTES) break;
      if (text) {
        ids.push(name.slice(2));
        texts.push(text);
      }
    }
    move(ids, 'e.', 'u.');
    const head = JSON.stringify({ site: settings.site || undefined, sent_at: Date.now() }).slice(0, -1);
    return { ids, body: `${head},"events":[${texts}]}` };
  }

  function pause() {
    const left = store.get('wait') - Date.now();
    return left > 0 && left < 60 * MINUTE ? left : 0;
  }
  const backoff = (times) => Math.min(5 * MINUTE, BATCH_AFTER * 2 ** times) * (0.5 + Math.random() / 2);

  function schedule() {
    if (!timer) timer = setTimeout(send, Math.max(BATCH_AFTER, pause()));
  }

  function request(path, body) {
    const headers = { 'content-type': 'application/json' };
    if (settings.key) headers['x-opecom-key'] = settings.key;
    const signal = AbortSignal.timeout ? AbortSignal.timeout(20 * SECOND) : undefined;
    return fetch(settings.api + path, { method: 'POST', headers, body, signal, keepalive: true, credentials: 'omit' });
  }

  const isFinal = (status) => /^4(?!08|29)/.test(status);

  async function post({ ids, body }) {
    let status = 0, retryAfter = 0, answer = null;
    try {
      const response = await request('/v1/batch', body);
      status = response.status;
      const after = response.headers.get('retry-after');
      retryAfter = after * SECOND || Date.parse(after) - Date.now();
      answer = await response.json();
    } catch {}
    if (/^2/.test(status) && answer && answer.refused) {
      // So has what an earlier page sent.
      answer.refused.forEach(({ index, reason }) => warn(`${ids[index]} refused: ${reason}`));
      forget(ids.concat(unsure()));
      store.remove('wait');
      fails = 0;
    } else if (status === 413 && ids.length > 1) {
      maxEvents = ids.length >> 1;
      back(ids);
    } else if (isFinal(status)) {
      warn(`${ids.length} events refused: ${status} ${answer && answer.reason}`);
      forget(ids);
    } else {
      back(unsure());
      isDeferred = retryAfter > 0;
      const wait = isDeferred ? retryAfter + Math.random() * BATCH_AFTER : backoff(++fails);
      store.set('wait', Date.now() + Math.min(wait, 59 * MINUTE));
    }
  }

  const send = safe(async () => {
    clearTimeout(timer);
    timer = 0;
    if (!running || navigator.onLine === false) return;
    // One tab sends at a time. Pages without TLS have no locks.
    const locks = navigator.locks || await part('locks');
    await locks.request(prefix + 'send', async () => {
      for (let batch; !pause() && (batch = take()).ids.length;) await post(batch);
    });
    if (store.names('e.').length) schedule();
  });

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

  const watchers = new Set();
  const parts = {};

  const load = async (name) => {
    try {
      return await (await import(settings.src.replace(/\.m?js(\?.*)?$/, `.${name}.mjs`))).default(core);
    } catch (error) {
      delete parts[name];
      warn(error);
    }
  };
  const part = (name) => (parts[name] = parts[name] || load(name));

  const watch = safe(async () => {
    if (running && watchers.size) part('intent');
    (await parts.intent)();
  });

  function follow(...given) {
    watchers.add(given);
    watch();
    return () => { watchers.delete(given); watch(); };
  }

  function run() {
    const at = now();
    running = true;
    here = address();
    for (const name in arrived) store.set(name, arrived[name]);
    arrived = null;
    if (!current(at)) begin(at);
    if (wanted) store.set('visitor', wanted);
    if (settings.pages !== 'manual') {
      awaitView();
      readType(true);
    }
    look();
    schedule();
    watch();
    if (settings.datalayer != null) part('datalayer');
  }

  // Another tab may have withdrawn consent.
  function halted() {
    if (running && store.get('consent') === '0') {
      running = waits = false;
      view = null;
      wipe();
      watch();
    }
    return !running;
  }

  const wipe = () => store.names('').forEach((name) => name === 'consent' || store.remove(name));

  function isAllowed() {
    const { globalPrivacyControl, doNotTrack, webdriver, userAgent } = navigator;
    if (globalPrivacyControl || doNotTrack === '1' || webdriver) return false;
    const robots = /bot\b|crawl|spider|headless|lighthouse|ptst|synthetic|audit|monitor|preview|-user|google(-|other)/i;
    return !robots.test(userAgent.replace(/cubot/i, ''));
  }

  function start(options) {
    if (started || !options.api) return;
    started = true;
    startAt = now();
    settings = core.settings = { src: found.src, ...options, api: options.api.replace(/\/+$/, '') };
    prefix = `opecom.${settings.site || ''}.`;
    if (isAllowed()) return join();
    ready = true;
    calls.length = 0;
  }

  async function join() {
    if (settings.cookieDomain || settings.linkDomains) {
      const late = new Promise((done) => setTimeout(done, 2 * SECOND));
      await Promise.race([late, part('domains').then((state) => { arrived = state; })]);
    }
    if (!dom('prerendering')) return go();
    startAt = 0;
    on(document, 'prerenderingchange', go);
  }

  function go() {
    safe(followRoutes)();
    for (const name of ['focus', 'blur']) on(window, name, () => look());
    on(document, 'visibilitychange', () => { look(); if (dom('visibilityState') === 'hidden') leave(); });
    on(window, 'scroll', () => { if (view) view.deep = Math.max(view.deep, scrollY + innerHeight); });
    on(window, 'online', () => { if (!isDeferred) store.remove('wait'); send(); });
    on(window, 'pagehide', hide);
    on(window, 'pageshow', (event) => {
      if (!event.persisted || halted()) return;
      movingOnAt = NaN;
      if (settings.pages !== 'manual') makeView(Date.now());
      look();
    });
    on(window, 'storage', ({ key }) => { if (key === prefix + 'consent') applyConsent(); });
    new MutationObserver(safe(() => readType(true)))
      .observe(document, { subtree: true, attributeFilter: ['data-page-type'] });
    ready = true;
    past = startAt;
    safe(applyConsent)();
    past = 0;
    calls.splice(0).forEach(call);
  }

  function applyConsent() {
    const given = store.get('consent');
    if (given === '0') wipe();
    if (halted() && (given ? given === '1' : settings.consent !== 'required')) run();
  }

  const text = safe((given) => (given == null ? undefined : String(given).slice(0, 200).replace(/\p{Cs}/gu, '\ufffd')));

  const methods = {
    start,
    consent(given) {
      if (!started || !isAllowed()) return;
      store.set('consent', given ? '1' : '0');
      applyConsent();
    },
    session() {
      const open = core.session();
      return open ? { sessionId: open.id, visitorId: store.get('visitor') } : null;
    },
    trackEvent(category, action, label, value) {
      settle();
      value = value == null ? undefined : Number(value);
      [category, action, label] = [category, action, label].map(text);
      make('custom', now(), { custom: { category, action, label, value } });
    },
    async track(action, given) {
      const at = now();
      if (halted()) return;
      if (!current(at)) makeView(at);
      // Ids for the part.
      const id = idTime = Math.max(256 * at, idTime + 1);
      idTime += 9;
      if (await part('commerce')) call(['track', [action, given], at, , id]);
    },
    trackPurchase(amount, options) {
      if (halted()) return;
      settle();
      const { orderId, currency } = options || {}, order = text(orderId), orders = parsed(store.get('orders')) || [];
      if (order && orders.includes(order)) return;
      const [code] = /^[A-Z]{3}$/.exec(String(text(currency)).trim().toUpperCase()) || [];
      const fits = order && order.length <= 64 ? order : undefined;
      if (currency && !code || order && !fits) warn('purchase without its currency or orderId');
      make('purchase', now(), { purchase: { amount: Number(amount), order_id: fits, currency: code } });
      if (order) store.set('orders', JSON.stringify(orders.concat(order).slice(-100)));
      send();
    },
    page(type) {
      if (halted() || settle(type)) return;
      if (settings.pages === 'manual' || !view || view.url !== address()) return makeView(now(), type);
      const name = 'e.' + view.id, event = parsed(store.get(name));
      if (event && TYPES.includes(type)) {
        event.page.type = type;
        store.set(name, JSON.stringify(event));
      }
    },
    identify(visitorId) {
      if (!/^[\w.:~-]{1,64}$/.test(visitorId)) return;
      wanted = String(visitorId);
      if (!halted()) store.set('visitor', wanted);
    },
    async flush() {
      settle();
      await parts.commerce;
      await send();
    },
    onIntent(callback) {
      return follow('intent', callback);
    },
    onIntervention(callback) {
      return follow('intervention', callback);
    },
  };

  const core = {
    store, on, safe, warn, request, isFinal, backoff, watchers, part, make, queue, now, halted, methods,
    session: () => !halted() && current(Date.now()), goOn: () => { movingOnAt = tick(); },
  };
  const calls = [];
  const call = safe((each) => {
    const [name, given] = each;
    if (!ready && /^(track|page|consent)/.test(name)) {
      calls.push(each);
      return;
    }
    [,, past,, pastId] = each;
    try { return each[3] = safe(methods[name])(...given); } finally { past = pastId = 0; }
  });

  // Tag managers take attributes away.
  const tag = dom('currentScript'), found = tag ? { src: tag.src } : {};
  safe(() => new URL(tag.src).searchParams.forEach((value, name) => {
    found[name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())] = value;
  }))();
  Object.assign(found, tag && tag.dataset);

  let tracker = window.opEcomTracker;
  const stub = tracker && Array.isArray(tracker.q) && tracker;
  if (!stub && tracker && typeof tracker.start === 'function') {
    tracker.start(found);
    return;
  }
  tracker = window.opEcomTracker = stub || {};
  for (const name of Object.keys(methods)) tracker[name] = (...given) => call([name, given, Date.now()]);
  if (found.api) call(['start', [found], stub ? stub.t : Date.now()]);
  else if (tag) setTimeout(() => started || warn('not started: no data-api'), 5 * SECOND);
  if (stub) {
    const waiting = stub.q;
    stub.q = { push: call };
    waiting.forEach(call);
  }
})(window, document);
