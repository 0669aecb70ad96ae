// A session's features and signals from the page's own steps: docs/features.md says the rules, stream/fold/ has the
// same in Python, and one set of cases tests both. A step is an event as the tracker sends it.

const MINUTE = 60_000, VIEW_CAP = 30 * MINUTE;
const MOST_EVENTS = 2_000, CART_EVENTS = 200, PRODUCTS = 1_000;
const TYPES = ['Administrative', 'Informational', 'ProductRelated'];
const VISITORS = ['New_Visitor', 'Returning_Visitor', 'Other'];
const DEVICES = ['desktop', 'mobile', 'tablet', 'other'];
const STEPS = { begin_checkout: 1, add_shipping_info: 2, add_payment_info: 3 };
const CART = ['add_to_cart', 'remove_from_cart', 'view_cart', 'purchase', ...Object.keys(STEPS)];
const LOOKED_AT = ['view_item', 'select_item', 'add_to_wishlist', 'add_to_cart'];
const NAMED = [...CART.filter((each) => each !== 'purchase'), 'view_item', 'view_item_list', 'select_item', 'search',
  'add_to_wishlist', 'refund'];
const RATES = ['BounceRates', 'ExitRates', 'PageValues'];

const compare = (one, other) => (one < other ? -1 : +(one > other));
// Ids in lower case sort as their bytes do.
const inOrder = (one, other) => one.occurred_at - other.occurred_at || compare(one.event_id, other.event_id);
const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);
// Beyond six digits an amount is noise.
const known = (amount) => (Number.isNaN(amount) ? null : Number(amount.toFixed(6)));

/** The events of the session that is open, none at first, when it began and was last seen; plain data, to be kept. */
export const newSession = () => ({ session: '', opened: 0, seen: 0, steps: [] });

/**
 * The session after a step that the page makes at `now`, in ms UTC; `site` as siteOf of site.mjs gives it.
 *
 * A step of another session id, one after the site's daily cut, and one after 40 minutes of silence begin a session.
 * One that is sent again takes the place of the first at its time; one that is late or of too many changes nothing.
 */
export function take(before, step, site, now) {
  const isOpen = step.session_id === before.session && now < before.seen + 40 * MINUTE;
  if (isOpen && before.steps.some(({ event_id }) => event_id === step.event_id)) {
    const steps = before.steps.map((each) => (each.event_id === step.event_id
      ? { ...step, occurred_at: each.occurred_at } : each));
    return { ...before, seen: now, steps };
  }
  const at = step.occurred_at > now + 5 * MINUTE ? now : step.occurred_at, today = site.cut(now);
  if (now - at > 10 * MINUTE || site.cut(at) < today) return before;
  const goesOn = isOpen && site.cut(before.opened) === today;
  const open = goesOn ? { ...before, seen: now } : { session: step.session_id, opened: now, seen: now, steps: [] };
  if (open.steps.length >= MOST_EVENTS) return open;
  return { ...open, steps: [...open.steps, { ...step, occurred_at: at }].sort(inOrder) };
}

/**
 * Features, by the names of contract 2, as numbers; null is unknown. `steps` are of one session, in order; `agent`
 * gives what the page knows of its browser: `{ device }`. `hasStatistics`: whether any page has some.
 */
export function valuesOf(steps, site, agent = {}) {
  const [first] = steps, last = steps[steps.length - 1], previous = steps[steps.length - 2];
  const views = steps.filter(({ type }) => type === 'page_view')
    .map((step) => ({ at: step.occurred_at, ...site.page(step.page.url, step.page.type) }));
  const actions = steps.map(actionOf), count = (action) => actions.filter((each) => each === action).length;
  const counts = {};
  for (const type of TYPES) counts[type] = counts[type + '_Duration'] = 0;
  views.forEach(({ at, type }, place) => {
    if (!type) return;
    const until = place + 1 < views.length ? views[place + 1].at : last.occurred_at;
    counts[type] += 1;
    counts[type + '_Duration'] += Math.min(until - at, VIEW_CAP);
  });
  for (const type of TYPES) counts[type + '_Duration'] /= 1000;
  const rated = views.filter(({ rates }) => rates), divisor = views.length || 1;
  RATES.forEach((name, place) => { counts[name] = sum(rated.map(({ rates }) => rates[place])) / divisor; });
  const { specialDay, month, weekend, hour } = site.day(first.occurred_at);
  const history = steps.find((step) => step.history)?.history;
  const values = {
    ...counts,
    SpecialDay: specialDay,
    Month: month,
    // A page has none of the lists of browsers, countries and referrers: 0 is unknown.
    OperatingSystems: 0,
    Browser: 0,
    Region: 0,
    TrafficType: 0,
    VisitorType: VISITORS.indexOf(first.visitor_type ?? VISITORS[0]) + 1,
    Weekend: Number(weekend),
    page_views: views.length,
    events: steps.length,
    elapsed_seconds: (last.occurred_at - first.occurred_at) / 1000,
    ...engagementOf(steps),
    distinct_pages: new Set(views.map(({ path }) => path)).size,
    distinct_products: productsOf(steps),
    last_page_type: views.length ? TYPES.indexOf(views[views.length - 1].type) + 1 || TYPES.length + 1 : null,
    seconds_since_previous_event: previous ? (last.occurred_at - previous.occurred_at) / 1000 : null,
    searches: count('search'),
    cart_adds: count('add_to_cart'),
    cart_removes: count('remove_from_cart'),
    ...cartOf(steps.filter((_, place) => CART.includes(actions[place])).slice(0, CART_EVENTS)),
    wishlist_adds: count('add_to_wishlist'),
    hour,
    device_class: DEVICES.indexOf(agent.device) + 1 || null,
    previous_sessions: history?.previous_sessions ?? null,
    previous_purchases: history ? history.previous_purchases ?? 0 : null,
    days_since_previous_session: history?.days_since_previous_session ?? null,
  };
  return { values, hasStatistics: rated.length > 0 };
}

/** The row of a contract, as the head of a model has it; only contract 2 knows that rates are unknown. */
export function rowOf({ values, hasStatistics }, { number, columns }) {
  const isUnknown = (name) => number !== 1 && !hasStatistics && RATES.includes(name);
  return columns.map((name) => (isUnknown(name) ? null : values[name]));
}

/** What a step is to a shop, undefined where it is nothing. */
function actionOf({ purchase, commerce, custom }) {
  if (purchase) return 'purchase';
  if (commerce) return commerce.action;
  return custom && [custom.label, custom.action].find((text) => NAMED.includes(text));
}

/** Of each view, and of what is before the first, the greatest: time engaged, depth of scrolling. */
function engagementOf(steps) {
  const seen = [];
  let view = 0;
  for (const { type, ping } of steps) {
    if (type === 'page_view') view += 1;
    if (type !== 'page_ping' || !ping) continue;
    const { engaged_ms = 0, scroll_depth = 0 } = ping, { ms = 0, depth = 0 } = seen[view] ?? {};
    seen[view] = {
      ms: Math.max(ms, Math.min(engaged_ms, VIEW_CAP)), depth: Math.max(depth, Math.floor(scroll_depth * 100 + 0.5)),
    };
  }
  const views = seen.filter(Boolean), depths = sum(views.map(({ depth }) => depth));
  return {
    engaged_seconds: sum(views.map(({ ms }) => ms)) / 1000,
    mean_scroll_depth: views.length ? depths / views.length / 100 : null,
  };
}

function productsOf(steps) {
  const commerce = steps.map((step) => step.commerce).filter((each) => each && LOOKED_AT.includes(each.action));
  return Math.min(new Set(commerce.flatMap(({ items = [] }) => items.map(({ id }) => String(id)))).size, PRODUCTS);
}

/** The items of an event, one of no name where it has none; those without a price share what is left of its value. */
function itemsOf({ items = [], value } = {}) {
  if (!items.length) return [['', 1, value ?? NaN]];
  const read = items.map(({ id, quantity = 1, price }) => (
    [String(id), Number(quantity), price == null ? null : Number(price)]));
  const unpriced = sum(read.filter(([, , price]) => price === null).map(([, quantity]) => quantity));
  const rest = (value ?? NaN) - sum(read.map(([, quantity, price]) => (price === null ? 0 : quantity * price)));
  const share = rest >= 0 && unpriced ? rest / unpriced : NaN;
  return read.map(([id, quantity, price]) => [id, quantity, price ?? share]);
}

/** The cart as its events leave it; a line is `{ quantity, worth, currency }` of a product. */
function cartOf(steps) {
  const lines = new Map();
  let furthest = 0;
  const put = (commerce) => {
    const currency = commerce?.currency ?? '';
    for (const [id, quantity, price] of itemsOf(commerce)) {
      const line = lines.get(id) ?? { quantity: 0, worth: 0, currency };
      const isMixed = line.currency && currency && line.currency !== currency;
      lines.set(id, {
        quantity: line.quantity + quantity,
        worth: isMixed ? NaN : line.worth + quantity * price,
        currency: line.currency || currency,
      });
    }
  };
  const remove = (commerce) => {
    for (const [id, quantity] of itemsOf(commerce)) {
      const from = [id, ''].find((each) => lines.has(each)) ?? (id ? undefined : [...lines.keys()].pop());
      const line = lines.get(from);
      if (!line) continue;
      const left = line.quantity - quantity;
      if (left > 0) lines.set(from, { ...line, quantity: left, worth: line.worth * (left / line.quantity) });
      else lines.delete(from);
    }
    if (!lines.size) furthest = 0;
  };
  const empty = () => { lines.clear(); furthest = 0; };
  for (const step of steps) {
    const action = actionOf(step), { commerce } = step, value = commerce?.value;
    if (action === 'purchase') empty();
    else if (action === 'add_to_cart') put(commerce);
    else if (action === 'remove_from_cart') remove(commerce);
    else {
      if (commerce?.items?.length) {
        lines.clear();
        put(commerce);
      } else if (action === 'view_cart' && value === 0) empty();
      else if (value > 0 && !lines.size) {
        lines.set('', { quantity: NaN, worth: value, currency: commerce.currency ?? '' });
      }
      furthest = Math.max(furthest, STEPS[action] ?? 0);
    }
  }
  const all = [...lines.values()], currencies = new Set(all.map(({ currency }) => currency).filter(Boolean));
  return {
    cart_quantity: known(sum(all.map(({ quantity }) => quantity))),
    cart_value: currencies.size > 1 ? null : known(sum(all.map(({ worth }) => worth))),
    checkout_step: furthest,
  };
}

// As a part of tracker.js.
export default () => ({ newSession, take, valuesOf, rowOf });
