// One visitor and one session on several hosts, for tracker.js with data-cookie-domain or data-link-domains.

const PARAMETER = '_opecom', VALID_MS = 2 * 60 * 1000;
const SHARED = ['session', 'visitor', 'consent'];
const COOKIE_SECONDS = 400 * 24 * 60 * 60;

const parsed = (text) => { try { return JSON.parse(text); } catch { return null; } };
// A form or an image with the name of a property hides it.
const dom = (name) => Reflect.get(Document.prototype, name, document);
const isWithin = (host, domain) => ('.' + host).endsWith('.' + domain);

/** `core` is what the tracker lends; returns what a visitor brought along, as names and texts of the store. */
export default function domains(core) {
  const { cookieDomain, linkDomains } = core.settings;
  if (cookieDomain) share(core, cookieDomain);
  const linked = (linkDomains || '').split(/[\s,]+/).filter(Boolean);
  goOnAt(core, linked.concat(cookieDomain || []));
  if (!linked.length) return {};
  const isLinked = (host) => host !== location.hostname && linked.some((domain) => isWithin(host, domain));
  decorate(core, isLinked);
  return arrive(isLinked);
}

// Going on to another host of these ends no session: a browser may end the old page when the new one is there already.
function goOnAt({ on, goOn }, hosts) {
  if (!window.hasOwnProperty('navigation')) return;
  // After the tracker's own listener, which knows this host only.
  setTimeout(() => on(navigation, 'navigate', ({ destination, downloadRequest }) => {
    const { hostname } = new URL(destination.url);
    if (!destination.sameDocument && downloadRequest == null && hosts.some((each) => isWithin(hostname, each))) goOn();
  }));
}

// ---- One cookie beside localStorage, which is each host's own.

function share({ store, settings, warn }, domain) {
  const own = { ...store };
  const name = `opecom.${settings.site || ''}=`;
  const read = () => {
    const found = dom('cookie').split('; ').find((each) => each.startsWith(name));
    return found ? parsed(decodeURIComponent(found.slice(name.length))) : null;
  };
  const write = (changes) => {
    const values = read() || Object.fromEntries(SHARED.map((each) => [each, own.get(each)]));
    const value = encodeURIComponent(JSON.stringify({ ...values, ...changes }));
    const secure = location.protocol === 'https:' ? '; secure' : '';
    const text = `${name}${value}; domain=${domain}; path=/; max-age=${COOKIE_SECONDS}; samesite=lax${secure}`;
    Reflect.set(Document.prototype, 'cookie', text, document);
    if (read()) return;
    Object.assign(store, own);
    warn(`no cookie for data-cookie-domain ${domain}: is this page on that domain, and are cookies allowed?`);
  };
  store.get = (key) => {
    const values = SHARED.includes(key) && read();
    return values ? values[key] || null : own.get(key);
  };
  // Stored here too: other tabs hear of a consent by the storage event.
  store.set = (key, value) => {
    own.set(key, value);
    if (SHARED.includes(key)) write({ [key]: value });
  };
  store.remove = (key) => {
    own.remove(key);
    if (SHARED.includes(key) && read()) write({ [key]: undefined });
  };
  store.names = (begin) => {
    const shared = Object.keys(read() || {}).filter((key) => key.startsWith(begin));
    return [...new Set([...own.names(begin), ...shared])].sort();
  };
}

// ---- A parameter of the address, made for one click.

function decorate({ store, session, on }, isLinked) {
  const value = () => {
    const open = session();
    return open && [Date.now(), store.get('visitor'), open.id, open.at, open.type, open.counts].join('*');
  };
  /** The address with the parameter, if it leads to a linked domain and there is a session to bring along. */
  const added = (address) => {
    const url = new URL(address, location.href), text = isLinked(url.hostname) && value();
    if (!text) return null;
    // Not by URLSearchParams, which would write the other parameters again.
    url.search += `${url.search ? '&' : '?'}${PARAMETER}=${encodeURIComponent(text)}`;
    return url.href;
  };
  const click = (event) => {
    const link = event.composedPath().find((each) => each instanceof HTMLAnchorElement && each.hasAttribute('href'));
    const before = link && link.getAttribute('href'), after = link && added(link.href);
    if (!after) return;
    link.setAttribute('href', after);
    // By then the browser is on its way, or the page has stopped it.
    setTimeout(() => link.setAttribute('href', before));
  };
  for (const type of ['click', 'auxclick']) on(window, type, click);
  on(window, 'submit', ({ target, submitter }) => {
    const attribute = (element, name) => element && Element.prototype.getAttribute.call(element, name);
    const action = attribute(submitter, 'formaction') || attribute(target, 'action') || location.href;
    const method = attribute(submitter, 'formmethod') || attribute(target, 'method') || 'get';
    const after = added(action);
    if (!after) return;
    if (method.toLowerCase() === 'get') {
      const field = document.createElement('input');
      Object.assign(field, { type: 'hidden', name: PARAMETER, value: new URL(after).searchParams.get(PARAMETER) });
      Element.prototype.append.call(target, field);
      setTimeout(() => field.remove());
    } else {
      const element = attribute(submitter, 'formaction') ? submitter : target;
      const name = element === submitter ? 'formaction' : 'action';
      Element.prototype.setAttribute.call(element, name, after);
      setTimeout(() => Element.prototype.setAttribute.call(element, name, action));
    }
  });
}

function arrive(isLinked) {
  const url = new URL(location.href), text = url.searchParams.get(PARAMETER);
  if (text === null) return {};
  const rest = location.search.replace(/^\?/, '').split('&').filter((each) => each.split('=')[0] !== PARAMETER).join('&');
  history.replaceState(history.state, '', location.pathname + (rest && '?' + rest) + location.hash);
  const [made, visitor, id, at, type, counted] = text.split('*');
  const age = Date.now() - made, from = dom('referrer');
  // Anybody can write an address, but only a page of a linked domain is its referrer.
  if (!(age >= -1000 && age < VALID_MS) || !from || !isLinked(new URL(from).hostname)) return {};
  const isWhole = /^[\w.:~-]{1,64}$/.test(visitor) && /^[0-9a-f-]{36}$/.test(id) && at > 0 && at <= Date.now();
  if (!isWhole || !/^(New|Returning)_Visitor$/.test(type)) return {};
  const counts = /^\d{1,5},\d{1,5}$/.test(counted) ? counted.split(',').map(Number) : undefined;
  return { visitor, session: JSON.stringify({ id, at: Number(at), last: Date.now(), type, counts }) };
}
