// Types of tracker.mjs, and of tracker.private.mjs; docs/tracker.md says what each call does.

export type PageType = 'Administrative' | 'Informational' | 'ProductRelated';

export interface StartOptions {
  /** Address of the ingest API, with its prefix where it has one. */
  api: string;
  /** A write key of the site; none where the site takes writes without one. */
  key?: string;
  site?: string;
  /** Nothing is stored or sent before `consent(true)`. */
  consent?: 'required';
  /** Only `page(type)` counts page views. */
  pages?: 'manual';
  /** A domain of this page: its hosts share visitor, session and consent in one cookie. */
  cookieDomain?: string;
  /** Other domains, apart by spaces, to which links and forms carry visitor and session. */
  linkDomains?: string;
  /** The name of an array such as dataLayer, whose entries count too. */
  datalayer?: string;
  /** The address of tracker.js or tracker.mjs, beside which its parts are; known where the browser says it. */
  src?: string;
  /** Of tracker.private.mjs alone, as all below: auto hands the page over to the tracker that sends, with consent. */
  mode?: 'private' | 'auto';
  /** Address of the head that `opecom models export --browser` wrote. */
  model?: string;
  modelIntegrity?: string;
  /** Address of the file that `opecom pages export --browser` wrote. */
  statistics?: string;
}

export interface PurchaseOptions {
  /** An order counts once: this browser remembers it. */
  orderId?: string;
  /** Three letters: EUR. */
  currency?: string;
}

/** Names of Google Analytics 4. */
export type CommerceAction =
  | 'view_item' | 'view_item_list' | 'select_item' | 'search' | 'add_to_wishlist' | 'add_to_cart' | 'remove_from_cart'
  | 'view_cart' | 'begin_checkout' | 'add_shipping_info' | 'add_payment_info' | 'refund' | 'purchase';

/** A product by any of these names; the first that it has is its id. */
export interface CommerceItem {
  id?: string | number;
  item_id?: string | number;
  item_name?: string;
  name?: string;
  /** 1 if left out. */
  quantity?: number | string;
  /** Of one. */
  price?: number | string;
}

export interface CommerceOptions {
  /** The sum of the items, or of the whole cart where the action shows it. */
  value?: number | string;
  /** Three letters: EUR. */
  currency?: string;
  /** At most 50. */
  items?: readonly CommerceItem[];
  /** Of a purchase or a refund. */
  orderId?: string | number;
  order_id?: string | number;
  transaction_id?: string | number;
}

export interface SessionIds {
  sessionId: string;
  visitorId: string;
}

export interface Reason {
  feature: string;
  value: number | string | boolean;
  contribution: number;
  /** Empty in private mode. */
  text: string;
}

export interface Counts {
  events: number;
  page_views: number;
  pings: number;
  customs: number;
  purchases: number;
}

/**
 * A session's live score, as `GET /sessions/{id}/intent` tells it; times in ms UTC. A site that shows only the band leaves
 * out reasons, features, counts and the model.
 */
export interface Intent {
  site: string;
  session_id: string;
  opened_at: number;
  status: 'open' | 'ended' | 'closed';
  probability: number;
  label: 'YES' | 'NO';
  band: 'low' | 'building' | 'high';
  reasons?: Reason[];
  features?: Record<string, number | string | boolean>;
  counts?: Counts;
  updated_at: number;
  model_version?: string;
  version: number;
  /** Whether an experiment or a hold-out holds back what would be done; `onIntent` is not called with such an intent. */
  held: boolean;
}

/** What an intervention of the shop sends to the page; what becomes of it is reported once each. */
export interface Intervention<Payload = unknown> {
  name: string;
  /** The shop's own object, null where the intervention has none. */
  payload: Payload | null;
  /** When it fired, in ms UTC. */
  firedAt: number;
  shown(): void;
  dismissed(): void;
  clicked(): void;
}

export interface Tracker {
  /** Starts the tracker, once; a script tag with data-api has done so. */
  start(options: StartOptions): void;
  trackEvent(category: string, action: string, label?: string, value?: number): void;
  /** A step of buying; what cannot be read is left out, with a line in the console. */
  track(action: CommerceAction, given?: CommerceOptions): void;
  trackPurchase(amount: number, options?: PurchaseOptions): void;
  /** Gives the newest page view its type until it is sent; counts one where the address has changed, or with pages: 'manual'. */
  page(type?: PageType): void;
  /** Given or taken back; either is remembered. */
  consent(given: boolean): void;
  /** Your own name for this visitor: 1 to 64 of A-Z a-z 0-9 _ . : ~ - */
  identify(visitorId: string): void;
  /** Sends what waits; done when it was answered, or put off. */
  flush(): Promise<void>;
  /** Calls back with each change of this session's intent; returns how to stop that. */
  onIntent(callback: (intent: Intent) => void): () => void;
  /** Calls back with each intervention that goes to this page, once in its session; returns how to stop that. */
  onIntervention(callback: (intervention: Intervention<any>) => void): () => void;
  /** Null while nothing may be tracked. */
  session(): SessionIds | null;
}

export const tracker: Tracker;
export default tracker;
export const start: Tracker['start'];
export const trackEvent: Tracker['trackEvent'];
export const track: Tracker['track'];
export const trackPurchase: Tracker['trackPurchase'];
export const page: Tracker['page'];
export const consent: Tracker['consent'];
export const identify: Tracker['identify'];
export const flush: Tracker['flush'];
export const onIntent: Tracker['onIntent'];
export const onIntervention: Tracker['onIntervention'];
export const session: Tracker['session'];

declare global {
  interface Window {
    opEcomTracker: Tracker;
  }
}
