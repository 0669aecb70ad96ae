/** Rates and percentiles from two looks at what the parts count. */

import type { Schemas } from "@/api/client";

export type Activity = Schemas["Activity"];

export interface Pace {
  eventsPerSecond: number;
  /** Seconds within which half, and 99 of 100, rounds had their scores acknowledged; null: nothing was scored. */
  half: number | null;
  most: number | null;
}

export function paceOf(before: Activity, after: Activity): Pace {
  const seconds = (after.at - before.at) / 1_000;
  if (seconds <= 0) return { eventsPerSecond: 0, half: null, most: null };
  const counts = after.ages.map(({ rounds }, place) => rounds - (before.ages[place]?.rounds ?? 0));
  const limits = after.ages.map(({ within_seconds }) => within_seconds ?? Number.POSITIVE_INFINITY);
  return {
    eventsPerSecond: Math.max(0, after.scored - before.scored) / seconds,
    half: within(limits, counts, 0.5),
    most: within(limits, counts, 0.99),
  };
}

/** As Prometheus' histogram_quantile: linear within the bucket that has it. */
function within(limits: number[], counts: number[], share: number): number | null {
  const all = counts.at(-1) ?? 0;
  if (all <= 0) return null;
  const wanted = share * all;
  const place = counts.findIndex((count) => count >= wanted);
  const upper = limits[place] ?? 0;
  const lower = place > 0 ? (limits[place - 1] ?? 0) : 0;
  if (!Number.isFinite(upper)) return lower;
  const below = place > 0 ? (counts[place - 1] ?? 0) : 0;
  const inside = (counts[place] ?? 0) - below;
  return inside > 0 ? lower + ((upper - lower) * (wanted - below)) / inside : upper;
}
