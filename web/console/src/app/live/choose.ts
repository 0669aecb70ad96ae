import type { LiveSession } from "./feed";

export type Order = "probability" | "updated" | "cart";

export interface Wanted {
  band: string;
  search: string;
  order: Order;
}

/** Rows that are drawn at first, and how many more at a wish: each costs layout time at every update. */
export const ROWS = 25;

const VALUE: Record<Order, (session: LiveSession) => number> = {
  probability: ({ intent }) => intent.probability,
  updated: ({ intent }) => intent.updated_at,
  cart: ({ intent }) => intent.signals?.cart_value ?? 0,
};

/** The sessions that are wanted, in their order. */
export function chosen(sessions: LiveSession[], wanted: Wanted): LiveSession[] {
  const text = wanted.search.toLowerCase();
  const value = VALUE[wanted.order];
  return sessions
    .filter(({ intent }) => !wanted.band || intent.band === wanted.band)
    .filter(
      ({ intent, path }) =>
        !text || intent.session_id.toLowerCase().includes(text) || path.toLowerCase().includes(text),
    )
    .sort((a, b) => value(b) - value(a));
}
