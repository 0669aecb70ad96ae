"use client";

import { useMemo, useRef } from "react";

import { chosen, type Wanted } from "./choose";
import type { LiveSession } from "./feed";

/** How long rows keep their places, in ms: what jumps four times a second nobody can read. */
const STILL = 3_000;

/** The wanted sessions. Their values are always the newest; their order is renewed every few seconds, new ones come last. */
export function useChosen(sessions: LiveSession[], { band, search, order }: Wanted): LiveSession[] {
  const kept = useRef({ at: 0, wanted: "", places: new Map<string, number>() });
  return useMemo(() => {
    const wanted = `${band} ${order} ${search}`;
    const found = chosen(sessions, { band, search, order });
    const now = Date.now();
    if (kept.current.wanted !== wanted || now - kept.current.at >= STILL || kept.current.places.size === 0) {
      kept.current = { at: now, wanted, places: new Map(found.map(({ key }, place) => [key, place])) };
      return found;
    }
    const { places } = kept.current;
    const place = ({ key }: LiveSession) => places.get(key) ?? Number.MAX_SAFE_INTEGER;
    return [...found].sort((a, b) => place(a) - place(b));
  }, [sessions, band, search, order]);
}
