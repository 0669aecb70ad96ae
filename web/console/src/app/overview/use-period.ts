/** The period that the page shows, and what it is compared with: the address has both, so that a link carries them. */

"use client";

import { useMemo } from "react";

import { useQueryString } from "@/api/site";

export const PRESETS = [
  { id: "1", label: "Today" },
  { id: "7", label: "Last 7 days" },
  { id: "28", label: "Last 28 days" },
  { id: "90", label: "Last 90 days" },
  { id: "365", label: "Last 365 days" },
] as const;
export const COMPARISONS = [
  { id: "previous", label: "The period before" },
  { id: "year", label: "A year before" },
  { id: "none", label: "Nothing" },
] as const;

/** Longest period by hours, in days. */
const HOURS = 31;
const USUAL = "28";

export interface ChosenPeriod {
  /** A preset's id, or `own`. */
  preset: string;
  /** First and last day, as 2026-11-30, in the site's zone. */
  first: string;
  last: string;
  compare: string;
  by: "day" | "hour";
  mayBeHours: boolean;
  /** For the API: the period, and the one beside it. */
  range: { from: string; to?: string };
  beside: { compare?: string };
}

export function usePeriod(zone: string): { period: ChosenPeriod; set: (values: Record<string, string>) => void } {
  const { get, set } = useQueryString();
  const [preset, from, to, compare, by] = ["period", "from", "to", "compare", "by"].map(get) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const period = useMemo(() => chosen(zone, preset, from, to, compare, by), [zone, preset, from, to, compare, by]);
  return { period, set };
}

function chosen(zone: string, preset: string, from: string, to: string, compare: string, by: string): ChosenPeriod {
  const today = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(Date.now());
  const own = isDay(from) && isDay(to) && from <= to;
  const known = PRESETS.some(({ id }) => id === preset) ? preset : USUAL;
  const first = own ? from : addDays(today, 1 - Number(known));
  const last = own ? to : today;
  const days = daysBetween(first, last) + 1;
  const comparison = COMPARISONS.some(({ id }) => id === compare) ? compare : "previous";
  const after = addDays(last, 1);
  return {
    preset: own ? "own" : known,
    first,
    last,
    compare: comparison,
    mayBeHours: days <= HOURS,
    by: days <= HOURS && (by === "hour" || (by === "" && days <= 2)) ? "hour" : "day",
    range: own ? { from: first, to: after } : { from: first },
    beside:
      comparison === "previous"
        ? { compare: "previous" }
        : comparison === "year"
          ? { compare: `${yearBefore(first)}/${yearBefore(after)}` }
          : {},
  };
}

export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

function daysBetween(first: string, last: string): number {
  return Math.round((Date.parse(`${last}T00:00:00Z`) - Date.parse(`${first}T00:00:00Z`)) / 86_400_000);
}

function yearBefore(day: string): string {
  const before = new Date(`${day}T00:00:00Z`);
  before.setUTCFullYear(before.getUTCFullYear() - 1);
  return before.toISOString().slice(0, 10);
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
}
