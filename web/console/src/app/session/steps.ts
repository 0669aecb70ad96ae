/** What changed from one update of a session to the next. */

import type { Schemas } from "@/api/client";
import { asNumber } from "@/components/format";

export type Update = Schemas["Update"];

export interface Step {
  update: Update;
  /** By how much the probability moved, null at the first. */
  moved: number | null;
  changes: { name: string; before: string; after: string }[];
}

/** The steps, the newest first. */
export function stepsOf(updates: Update[]): Step[] {
  return updates
    .map((update, place) => {
      const before = updates[place - 1];
      return {
        update,
        moved: before ? update.probability - before.probability : null,
        changes: before ? changesOf(before, update) : [],
      };
    })
    .reverse();
}

function changesOf(before: Update, after: Update): Step["changes"] {
  const all = (update: Update): Record<string, unknown> => ({ ...update.features, ...update.signals });
  const old = all(before);
  return Object.entries(all(after))
    .filter(([name, value]) => value !== old[name] && !CLOCKS.has(name))
    .map(([name, value]) => ({ name, before: written(old[name]), after: written(value) }));
}

/** What moves with every second says nothing. */
const CLOCKS = new Set(["elapsed_seconds", "seconds_since_previous_event", "events"]);

function written(value: unknown): string {
  if (value === null || value === undefined) return "unknown";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return asNumber(value, 3);
  return String(value);
}

/** The event of an update in a few words. */
export function nameOf(update: Update): string {
  if (update.closed) return "Session ended";
  const words: Record<string, string> = {
    page_view: "Page view",
    page_ping: "Still there",
    session_start: "Session started",
    session_end: "Left the shop",
    purchase: "Purchase",
    custom: "Custom event",
    commerce: "Commerce event",
  };
  const type = update.event.type ?? "";
  return words[type] ?? (type || "Time passed");
}
