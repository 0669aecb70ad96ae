/** ms since 1970, or ISO 8601 with a zone. */
export type Moment = number | string;
/** A number, or one as text, as many shops keep their sums: "99.99". */
export type Decimal = number | string;

export interface Item {
  id: string | number;
  quantity?: Decimal;
  price?: Decimal | null;
}

export type CommerceAction =
  | "view_item"
  | "view_item_list"
  | "select_item"
  | "search"
  | "add_to_wishlist"
  | "add_to_cart"
  | "remove_from_cart"
  | "view_cart"
  | "begin_checkout"
  | "add_shipping_info"
  | "add_payment_info"
  | "refund";

interface CommonFields {
  session_id: string;
  /** A UUID by which the event counts once; made by `send` where there is none. */
  event_id?: string;
  visitor_id?: string;
  visitor_type?: "New_Visitor" | "Returning_Visitor" | "Other";
  /** Now, where there is none. */
  occurred_at?: Moment;
}

export interface Page {
  url: string;
  type?: "Administrative" | "Informational" | "ProductRelated";
  referrer?: string;
}

/** One event as `POST /v1/batch` takes it. */
export type Event = CommonFields &
  (
    | { type: "session_start" | "session_end"; page?: Page }
    | { type: "page_view"; page: Page }
    | { type: "custom"; custom: { category: string; action: string; label?: string; value?: Decimal }; page?: Page }
    | {
        type: "commerce";
        commerce: {
          action: CommerceAction;
          value?: Decimal;
          currency?: string;
          items?: Item[];
          order_id?: string | number;
        };
        page?: Page;
      }
    | { type: "purchase"; purchase: { amount: Decimal; order_id?: string | number; currency?: string }; page?: Page }
  );

export interface Options {
  /** whsec_..., to sign purchases and refunds. */
  purchaseSecret?: string;
  /** Events that wait at most; more are dropped. 10,000. */
  maxQueue?: number;
  /** How long an event waits for others. 1,000. */
  flushMs?: number;
  /** Of one request. 10,000. */
  timeoutMs?: number;
  /** What is left when Node has nothing else to do is sent within this time. 10,000. */
  exitMs?: number;
  /** Hears of every event that will not count; without it, console.warn does. */
  onProblem?: (problem: string, eventId: string | null) => void;
}

export interface Order {
  session_id: string;
  order_id: string | number;
  amount: Decimal;
  currency?: string | null;
  /** When it was placed; the same each time the order is sent. */
  occurred_at: Moment;
  visitor_id?: string;
  /** 60,000. */
  waitAtMostMs?: number;
}

export interface Refund {
  session_id: string;
  order_id: string | number;
  /** When it was paid back; the same each time the refund is sent. */
  occurred_at: Moment;
  /** What was paid back; left out: all of it. */
  value?: Decimal;
  currency?: string;
  /** 60,000. */
  waitAtMostMs?: number;
}

/** Sends to the ingest API at `url` with a site's write key. */
export class Client {
  /** Throws a TypeError for an argument that cannot be right. */
  constructor(url: string, key: string, options?: Options);
  /**
   * Queues one event; never waits for the network. Its event_id, or null where the queue is full or closed. Throws a
   * TypeError for what JSON cannot hold.
   */
  send(event: Event): string | null;
  /** Waits until all that was queued has an answer; false where it has none in time, and goes on being sent. 60,000. */
  flush(timeoutMs?: number): Promise<boolean>;
  /** Sends what is left, within this time, and takes no more; false where events were dropped. 10,000. */
  close(timeoutMs?: number): Promise<boolean>;
  /**
   * Reports an order that was paid, signed; its event_id, once it is in the log. It counts once however often it is
   * sent. Rejects with RefusedError, UnavailableError, and TypeError without purchaseSecret.
   */
  purchase(order: Order): Promise<string>;
  /** Reports what was paid back of an order; else as `purchase`. */
  refund(refund: Refund): Promise<string>;
}

/** The value of `webhook-signature`; `timestamp` in seconds. Throws a TypeError for a wrong secret. */
export function sign(secret: string, messageId: string, timestamp: number, body: string | Uint8Array): string;

export interface Message {
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/**
 * The message of a webhook, if it is signed by `secret` and fresh: toleranceSeconds 300, `now` in seconds.
 *
 * `body` as it came, before any JSON parser had it. While a secret is rotated the header has several signatures, of
 * which one has to be ours. Throws SignatureError, and TypeError for a wrong secret. The same message can come twice:
 * know it by its `id`.
 */
export function verify(
  secret: string,
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string | Uint8Array,
  options?: { toleranceSeconds?: number; now?: number },
): Message;

export class OpecomSdkError extends Error {}

/** The server refused for good: the same again is refused again. */
export class RefusedError extends OpecomSdkError {
  readonly status: number;
  readonly code: string;
  readonly reason: string;
}

/** No answer that holds came within the time given: send the same again later, it counts once. */
export class UnavailableError extends OpecomSdkError {}

/** A webhook that was not signed with this secret, was changed on its way, or is too old. */
export class SignatureError extends OpecomSdkError {}
