// `track` of tracker.js, for pages that call it or have a dataLayer: products, cart and checkout, as the API takes
// them.

// As in ingest/commerce.py.
const ACTIONS = [
  'view_item', 'view_item_list', 'select_item', 'search', 'add_to_wishlist', 'add_to_cart', 'remove_from_cart',
  'view_cart', 'begin_checkout', 'add_shipping_info', 'add_payment_info', 'refund',
];
const MAX_ITEMS = 50, MAX_QUANTITY = 1e6, MAX_MONEY = 1e12, MAX_ID = 100, MAX_ORDER_ID = 64;

const isGiven = (given) => given != null && given !== '';

/** A text or a number as text, of at most `most` characters; undefined for an empty one, and for anything else. */
function text(given, most) {
  if (!/^(string|number|bigint)$/.test(typeof given) || Number.isNaN(given)) return undefined;
  return String(given).trim().slice(0, most).replace(/\p{Cs}/gu, '\ufffd') || undefined;
}

/** A number from 0 to `most`, as text too; undefined where none is given. Throws RangeError for anything else. */
function number(given, most) {
  const value = isGiven(given) ? Number(text(given)) : 0;
  if (!(value >= 0 && value <= most)) throw new RangeError();
  return isGiven(given) ? value : undefined;
}

function currencyOf(given) {
  const code = text(given, 10), [known] = /^[A-Z]{3}$/i.exec(code) || [];
  if (isGiven(given) && !(code && known)) throw new RangeError();
  return code && known.toUpperCase();
}

const givenOrder = ({ orderId, order_id, transaction_id }) => [orderId, order_id, transaction_id].find(isGiven);

function orderOf(given) {
  const order = text(given, MAX_ORDER_ID + 1);
  if (isGiven(given) && !(order && order.length <= MAX_ORDER_ID)) throw new RangeError();
  return order;
}

/** A copy, by the names of Google Analytics 4, of Enhanced Ecommerce, or ours. Throws where it is no item. */
function itemOf({ id, item_id, item_name, name, quantity, price }) {
  const own = [id, item_id, item_name, name].map((each) => text(each, MAX_ID)).find(isGiven);
  if (!own) throw new RangeError();
  return { id: own, quantity: number(quantity, MAX_QUANTITY), price: number(price, MAX_MONEY) };
}

/** Copies of the first items that can be read, and how many there were. */
function itemsOf(given) {
  const items = [], count = Array.isArray(given) ? given.length : Number(isGiven(given));
  for (let index = 0; index < Math.min(count, MAX_ITEMS); index++) {
    try { items.push(itemOf(given[index])); } catch {}
  }
  return [items, count];
}

/** The amount of a purchase that names none: that of its items, 0 if they have no prices. */
function sumOf(items) {
  const sum = items.reduce((total, { quantity = 1, price }) => total + quantity * price, 0);
  return sum <= MAX_MONEY ? sum : 0;
}

/** Gives the tracker its `track`; returns it, with the actions that it takes. */
export default function commerce({ make, now, halted, methods, warn }) {
  methods.track = function track(action, given) {
    if (halted()) return;
    const isPurchase = action === 'purchase', wrong = [], options = isGiven(given) ? given : {};
    if (!isPurchase && !ACTIONS.includes(action)) {
      warn(`track: ${text(action, 100)} is no action; take one of Google Analytics 4, such as add_to_cart`);
      return;
    }
    const read = (what, work) => {
      try { return work(); } catch { wrong.push(what); }
    };
    const [items, count] = read('items', () => itemsOf(options.items)) || [[], NaN];
    if (items.length < count) wrong.push(`${count - items.length} of ${count} items`);
    const value = read('value', () => number(options.value, MAX_MONEY));
    const currency = read('currency', () => currencyOf(options.currency));
    const isLost = !isPurchase && count !== 0 && !items.length;
    if (isPurchase) {
      // It judges orders itself: it knows those too that are too long to be sent.
      const orderId = read('orderId', () => text(givenOrder(options), 200));
      methods.trackPurchase(value === undefined ? sumOf(items) : value, { currency, orderId });
    } else if (!isLost) {
      const order_id = read('orderId', () => orderOf(givenOrder(options)));
      make('commerce', now(), { commerce: { action, value, currency, items, order_id } });
    }
    if (!wrong.length) return;
    warn(`${action} ${isLost ? 'does not count' : 'counts'} without ${wrong.join(', ')}: see docs/tracker.md`);
  };
  return { track: methods.track, actions: [...ACTIONS, 'purchase'] };
}
