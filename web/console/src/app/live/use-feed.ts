"use client";

import { useEffect, useRef, useState } from "react";

import { call, type Schemas } from "@/api/client";

import { Feed, type Intent, type LiveSession } from "./feed";

/** How often the page is drawn anew, in ms, however many updates come. */
const DRAW_EVERY = 250;
/** How often the list of open sessions is asked beside the stream, in ms. */
const LOOK_EVERY = 15_000;

export type Connection = "opening" | "open" | "away";

export interface FeedView {
  sessions: LiveSession[];
  connection: Connection;
  /** Updates a second, over the last seconds. */
  rate: number;
}

/**
 * The live sessions of a site: those that are open now, and every update that follows. While `paused` the page stands
 * still and what comes is kept for later.
 */
export function useFeed(site: string | undefined, bots: boolean, paused: boolean): FeedView {
  const [view, setView] = useState<FeedView>({ sessions: [], connection: "opening", rate: 0 });
  const still = useRef(paused);
  useEffect(() => {
    still.current = paused;
  }, [paused]);
  useEffect(() => {
    const feed = new Feed();
    const arrivals: number[] = [];
    let connection: Connection = "opening";
    let changed = true;
    const stopped = new AbortController();
    const query = { bots, runs: true, ...(site === undefined ? {} : { site }) };
    const look = () =>
      call
        .GET("/sessions/live", { params: { query: { ...query, limit: 500 } }, signal: stopped.signal })
        .then(({ data }) => {
          for (const intent of (data as Schemas["LiveSessions"]).sessions.toReversed()) feed.take(intent, Date.now());
          changed = true;
        })
        .catch(() => undefined);
    void look();
    // What came while the stream was opening is in the list; and whatever a stream misses is not missing for long.
    const soon = setTimeout(look, 2_000);
    const looking = setInterval(look, LOOK_EVERY);
    const params = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    const source = new EventSource(`/api/intents/stream?${params}`);
    source.onopen = () => {
      connection = "open";
      changed = true;
    };
    source.onerror = () => {
      connection = "away";
      changed = true;
    };
    source.onmessage = (message: MessageEvent<string>) => {
      const now = Date.now();
      feed.take(JSON.parse(message.data) as Intent, now);
      arrivals.push(now);
      changed = true;
    };
    const drawing = setInterval(() => {
      const now = Date.now();
      while (arrivals.length > 0 && (arrivals[0] as number) < now - 5_000) {
        arrivals.shift();
        changed = true;
      }
      if (!changed || still.current || document.hidden) return;
      changed = false;
      setView({ sessions: feed.all(now), connection, rate: arrivals.length / 5 });
    }, DRAW_EVERY);
    return () => {
      stopped.abort();
      source.close();
      clearInterval(drawing);
      clearInterval(looking);
      clearTimeout(soon);
    };
  }, [site, bots]);
  return view;
}
