/** The sessions that the page knows: the newest intent of each, and how its probability moved. Knows nothing of React. */

import type { Schemas } from "@/api/client";

export type Intent = Schemas["Intent"];

export interface LiveSession {
  key: string;
  intent: Intent;
  /** The newest probabilities, the oldest first. */
  trend: number[];
  /** The last page that an update named: what the clock does has none. */
  path: string;
}

/** Most sessions that are kept, and probabilities of one: an open page must not grow for hours. */
const MOST_SESSIONS = 1_000;
const MOST_TREND = 24;
/** How long a session that is over stays in sight, in ms. */
const CLOSED_FOR = 20_000;

export class Feed {
  private readonly sessions = new Map<string, LiveSession>();
  private readonly closedAt = new Map<string, number>();

  /** Takes an update; one that is older than what is known changes nothing. */
  take(intent: Intent, now: number): void {
    const key = `${intent.site} ${intent.session_id} ${intent.opened_at}`;
    const known = this.sessions.get(key);
    if (known && known.intent.version >= intent.version) return;
    const trend = [...(known?.trend ?? []), intent.probability].slice(-MOST_TREND);
    // At the end of the map: it is in the order of the last updates.
    this.sessions.delete(key);
    this.sessions.set(key, { key, intent, trend, path: intent.path ?? known?.path ?? "" });
    if (intent.status === "open") this.closedAt.delete(key);
    else this.closedAt.set(key, now);
    this.forget(now);
  }

  private forget(now: number): void {
    for (const [key, at] of this.closedAt) {
      if (now - at < CLOSED_FOR) break;
      this.closedAt.delete(key);
      this.sessions.delete(key);
    }
    while (this.sessions.size > MOST_SESSIONS) {
      const oldest = this.sessions.keys().next().value as string;
      this.sessions.delete(oldest);
      this.closedAt.delete(oldest);
    }
  }

  clear(): void {
    this.sessions.clear();
    this.closedAt.clear();
  }

  /** All, the last updated first. */
  all(now: number): LiveSession[] {
    this.forget(now);
    return [...this.sessions.values()].reverse();
  }
}
