// Reads the page's dataLayer for tracker.js with data-datalayer: entries of Google Tag Manager and of gtag, of Google
// Analytics 4 and of Enhanced Ecommerce. Its objects are the page's: they are read at once, never changed, never kept.

const MAX_ENTRIES = 1000, LOOK_MS = 500;
const ENHANCED = {
  impressions: 'view_item_list', click: 'select_item', detail: 'view_item', add: 'add_to_cart',
  remove: 'remove_from_cart', checkout: 'begin_checkout', purchase: 'purchase', refund: 'refund',
};
const CHECKOUT = ['begin_checkout', 'add_shipping_info', 'add_payment_info'];

const isObject = (given) => typeof given === 'object' && given !== null;

/** The actions of an entry, each with what `track` takes; `actions` are those that it takes. */
function actionsOf(entry, actions) {
  const { event, ecommerce, eventModel } = entry;
  if (entry[0] === 'event') return actions.includes(entry[1]) ? ofGtag(entry[1], entry[2]) : [];
  // Tag Manager's own form of a call of gtag, which has an entry of its own.
  if (eventModel) return [];
  const given = isObject(ecommerce) ? ecommerce : entry, enhanced = isObject(ecommerce) ? ofEnhanced(ecommerce) : [];
  const isOwn = actions.includes(event) && (Array.isArray(given.items) || !enhanced.length);
  return isOwn ? [[event, given]] : enhanced;
}

function ofGtag(action, given) {
  if (!isObject(given)) return [[action]];
  // Calls for Google's advertisements only repeat those for Analytics.
  return /^(AW|DC)-/.test(given.send_to) ? [] : [[action, given]];
}

function ofEnhanced(ecommerce) {
  return Object.keys(ENHANCED).filter((name) => isObject(ecommerce[name])).map((name) => {
    const given = ecommerce[name], field = isObject(given.actionField) ? given.actionField : {};
    // A shop numbers its steps from 1, and may have more of them than there are actions.
    const step = Math.min(Math.max(Math.trunc(field.step) || 1, 1), CHECKOUT.length);
    return [name === 'checkout' ? CHECKOUT[step - 1] : ENHANCED[name], {
      items: Array.isArray(given) ? given : given.products, currency: ecommerce.currencyCode,
      value: field.revenue, orderId: field.id,
    }];
  });
}

/** `core` is what the tracker lends. */
export default async function dataLayer({ part, safe, warn, settings }) {
  const { track, actions } = await part('commerce');
  const name = typeof settings.datalayer === 'string' && settings.datalayer || 'dataLayer';
  const seen = new WeakSet(), wrapped = new WeakSet(), warned = new Set();
  const warnOnce = (what, text) => {
    if (!warned.has(what)) warn(`${name} ${text}`);
    warned.add(what);
  };

  function read(entry) {
    seen.add(entry);
    try {
      actionsOf(entry, actions).forEach(([action, given]) => track(action, given));
    } catch {
      warnOnce('entries', 'has entries that cannot be read: they do not count');
    }
  }

  function wrap(layer) {
    const { push } = layer;
    Object.defineProperty(layer, 'push', {
      value: function (...entries) {
        entries.filter(isObject).forEach(read);
        return push.apply(this, entries);
      },
      configurable: true, writable: true,
    });
  }

  // Again and again: a page may make the array late, put another one in its place, or replace `push` in turn.
  const look = safe(() => {
    const layer = window[name];
    if (!Array.isArray(layer)) return;
    if (!wrapped.has(layer)) {
      wrapped.add(layer);
      // Not where it is frozen.
      safe(wrap)(layer);
    }
    const first = Math.max(0, layer.length - MAX_ENTRIES);
    if (first) warnOnce('length', `has ${layer.length} entries: the last ${MAX_ENTRIES} of them count`);
    const fresh = [];
    for (let index = first; index < layer.length; index++) {
      const entry = layer[index];
      if (isObject(entry) && !seen.has(entry)) fresh.push(entry);
    }
    // Only now: the same object may be there twice, and then counts twice.
    fresh.forEach(read);
  });

  look();
  setInterval(look, LOOK_MS);
}
