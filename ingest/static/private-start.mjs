
// What follows tracker.js, which stands above, in tracker.private.mjs: it folds the steps, scores them, and hands the
// page over to the tracker that sends, where that is wanted and allowed. docs/private-mode.md

const privateTag = [...document.scripts].find(({ src }) => src === import.meta.url)?.dataset ?? {};
// The parts, and the tracker that sends, stand beside this file.
const beside = (ending) => import.meta.url.replace(/\.private\.mjs(\?.*)?$/, ending);
const core = window.opEcomTracker, { start: startTracker, consent: setConsent } = core;
const handlers = new Set();
let options, loaded, session = null, waiting = [], latest = null;

const warn = (text) => console.warn('OP-ECOM tracker:', text);
const stepsName = () => `opecom.${options.site ?? ''}.steps`;

/** Everything that a score takes; loaded once, when the page is idle. */
async function load() {
  const idle = new Promise((done) => (window.requestIdleCallback ?? setTimeout)(done));
  const names = ['fold', 'site', 'prior', 'model', 'commerce', ...(options.datalayer == null ? [] : ['datalayer'])];
  await idle;
  // With the parts that the tracker loads itself, so that no later step makes a request.
  const [foldPart, site, prior, model] = await Promise.all(names.map((name) => import(beside(`.${name}.mjs`))));
  const file = options.statistics ? await (await get(options.statistics)).json() : {};
  const runtime = options.model && await model.loadModel(options.model, { integrity: options.modelIntegrity });
  const place = site.siteOf(options.statistics ? file : undefined);
  loaded = { ...foldPart, ...prior, file, place, runtime, device: site.deviceOf(userAgent) };
}

async function get(url) {
  const answer = await window.fetch(url, { credentials: 'omit' });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return answer;
}

// Steps that wait for the fold; in the storage of the tab, as a page may be left before it has come.
const waitingName = () => `opecom.${options.site ?? ''}.waiting`;
const read = (name) => {
  try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; }
};
const keep = (name, value) => {
  try { sessionStorage.setItem(name, JSON.stringify(value)); } catch {}
};

privateSteps.take = (step) => {
  // The tab knows nothing of earlier visits: what it would say of them is not known.
  delete step.history;
  waiting.push([step, Date.now()]);
  keep(waitingName(), waiting);
  fold();
};

function fold() {
  if (!loaded || !waiting.length) return;
  session ??= read(stepsName()) ?? loaded.newSession();
  for (const [step, now] of waiting.splice(0)) {
    session = loaded.take(session, step, loaded.place, now);
    if (session.steps.length) score(session);
  }
  keep(stepsName(), session);
  keep(waitingName(), waiting);
}

function score({ session: id, opened, seen, steps }) {
  const { valuesOf, rowOf, scoreOnSite, file, place, runtime, device } = loaded;
  if (!runtime) return;
  const made = valuesOf(steps, place, { device }), { head } = runtime;
  const answer = scoreOnSite(runtime, file, rowOf(made, head.contract), made);
  const count = (type) => steps.filter((step) => step.type === type).length;
  latest = {
    site: options.site ?? '', session_id: id, opened_at: opened,
    status: steps[steps.length - 1].type === 'session_end' ? 'ended' : 'open',
    ...answer,
    // Words are the server's.
    reasons: answer.reasons.map((each) => ({ ...each, text: '' })),
    features: Object.fromEntries(head.contract.columns.map((name) => [name, made.values[name]])),
    counts: {
      events: steps.length, page_views: count('page_view'), pings: count('page_ping'), customs: count('custom'),
      purchases: count('purchase'),
    },
    updated_at: seen, model_version: head.version, version: steps.length, held: false,
  };
  handlers.forEach(call);
}

function call(each) {
  if (!latest || each.had === latest) return;
  each.had = latest;
  try { each.callback(latest); } catch {}
}

function onIntentHere(callback) {
  const each = { callback };
  handlers.add(each);
  call(each);
  return () => handlers.delete(each);
}

function forget() {
  session = latest = null;
  waiting = [];
  [stepsName(), waitingName()].forEach((name) => localStorage.removeItem(name));
}

/** Ends the visit in this tab and lets the tracker that sends take the page, with the calls of the same object. */
function handOver(isNew) {
  const now = Date.now(), calls = [['start', [{ ...options, src: beside('.js') }], now]];
  if (isNew) calls.push(['consent', [true], now]);
  setConsent(false);
  forget();
  localStorage.removeItem(`opecom.${options.site ?? ''}.consent`);
  for (const { callback } of handlers) calls.push(['onIntent', [callback], now]);
  handlers.clear();
  privateSteps.take = () => {};
  core.q = calls;
  core.t = now;
  for (const name of NAMES) core[name] = (...given) => { core.q.push([name, given, Date.now()]); };
  document.head.append(Object.assign(document.createElement('script'), { src: beside('.js') }));
}

/** Whether the browser asks not to be tracked: then consent leaves the page as it is. */
function isRefused() {
  const { globalPrivacyControl, doNotTrack } = window.navigator;
  return globalPrivacyControl || doNotTrack === '1';
}

/** Whether this browser has agreed on an earlier page, as the tracker that sends remembers. */
function hasAgreed() {
  try { return window.localStorage.getItem(`opecom.${options.site ?? ''}.consent`) === '1'; } catch { return false; }
}

const NAMES = ['start', 'trackEvent', 'track', 'trackPurchase', 'page', 'consent', 'identify', 'flush', 'onIntent',
  'onIntervention', 'session'];
const methods = {
  start(given) {
    if (options || !given) return;
    options = { mode: 'private', api: location.origin, ...given };
    if (options.mode === 'auto' && hasAgreed() && !isRefused()) {
      handOver(false);
      return;
    }
    waiting = read(waitingName()) ?? [];
    load().then(fold).catch((error) => warn(`no scores in this page: ${error.message}`));
    const { consent, cookieDomain, linkDomains, ...own } = options;
    startTracker({ ...own, src: beside('.mjs') });
  },
  consent(given) {
    if (!options) return;
    if (given && options.mode === 'auto' && !isRefused()) {
      handOver(true);
      return;
    }
    setConsent(given);
    if (!given) forget();
  },
  onIntent: onIntentHere,
  // Rules act on the server, which hears nothing.
  onIntervention: () => () => {},
};

if (!isTaken) {
  Object.assign(core, methods);
  if (privateTag.mode || privateTag.api) core.start(privateTag);
  for (const each of queued) {
    const [name, given] = each;
    if (methods[name]) each[3] = core[name](...given);
    // With the time at which the page said so.
    else core.q.push(each);
  }
}

export const tracker = core;
const forward = (name) => (...given) => core[name](...given);
export const [start, trackEvent, track, trackPurchase, page, consent, identify, flush, onIntent, onIntervention] =
  NAMES.map(forward);
const sessionOf = forward('session');
export { sessionOf as session };
export default tracker;
