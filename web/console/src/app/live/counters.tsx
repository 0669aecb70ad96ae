"use client";

import { useEffect, useState } from "react";

import { api } from "@/api/client";
import { Stat } from "@/components/card";
import { asCount, asNumber } from "@/components/format";

import { type Activity, paceOf } from "./activity";

/** What goes through the system: of the parts on the server's own machine. */
export function Counters({ rate }: { rate: number }) {
  const { data, error } = api.useQuery("get", "/activity", {}, { refetchInterval: 2_000, retry: false, staleTime: 0 });
  const [looks, setLooks] = useState<Activity[]>([]);
  useEffect(() => {
    if (data) setLooks((known) => [...known.filter((look) => look.at > data.at - 12_000 && look.at < data.at), data]);
  }, [data]);
  const first = looks[0];
  const pace = first && data ? paceOf(first, data) : undefined;
  if (error || (data && !data.parts.includes("worker"))) {
    return (
      <div className="mb-6 grid gap-4 sm:grid-cols-3">
        <Stat label="Updates a second" value={asNumber(rate, 1)} change="that this page sees" />
      </div>
    );
  }
  return (
    <div className="mb-6 grid grid-cols-2 gap-3 sm:gap-4 md:grid-cols-3 2xl:grid-cols-6">
      <Stat label="Scores a second" value={asNumber(pace?.eventsPerSecond ?? 0, 1)} />
      <Stat label="Event to score, median" value={asMs(pace?.half)} />
      <Stat label="Event to score, p99" value={asMs(pace?.most)} />
      <Stat label="Open sessions" value={asCount(data?.open_sessions)} />
      <Stat label="Waiting to be written" value={asCount(data?.waiting)} />
      <Stat label="Dead letters" value={asCount(data?.dead_letters)} />
    </div>
  );
}

function asMs(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  return seconds < 1 ? `${asNumber(seconds * 1_000, 0)} ms` : `${asNumber(seconds, 1)} s`;
}
