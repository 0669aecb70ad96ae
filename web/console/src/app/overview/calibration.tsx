"use client";

import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { useQueryString } from "@/api/site";
import { Select } from "@/components/form";
import { asCount, asNumber, asPercent } from "@/components/format";
import { Empty } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

type Row = Schemas["CalibrationGroup"];

/** Whether as many buy as the live scores announced. */
export function Calibration({ calibration }: { calibration: Schemas["Calibration"] }) {
  const { get, set } = useQueryString();
  const wanted = Number(get("event") || 5);
  const at = calibration.events.find(({ event }) => event === wanted) ?? calibration.events.at(-1);
  const rows = useMemo(() => at?.groups.toReversed() ?? [], [at]);
  if (!at)
    return <Empty title="No closed sessions yet">A session counts once it is over: after 40 quiet minutes.</Empty>;
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-2">
        <Select
          aria-label="Event of the session"
          value={String(at.event)}
          onChange={({ target }) => set({ event: target.value === "5" ? "" : target.value })}
        >
          {calibration.events.map(({ event }) => (
            <option key={event} value={event}>
              Event {event}
            </option>
          ))}
        </Select>
        <p className="text-sm text-muted tabular-nums">
          {asNumber(at.expected, 0)} buyers expected, {asCount(at.buyers)} came. Mean distance {asPercent(at.error)}.
        </p>
      </div>
      <CalibrationChart groups={at.groups} />
      <DataTable
        caption="Calibration of live scores"
        columns={COLUMNS}
        rows={rows}
        file={`overview-calibration-${at.event}`}
      />
    </>
  );
}

/** A dot a group, with its interval: on the line as many bought as expected. */
function CalibrationChart({ groups }: { groups: Row[] }) {
  const most = Math.max(...groups.map(({ mean_score, bought }) => Math.max(mean_score, bought.high)), 0.01);
  const place = (share: number) => (100 * share) / most;
  return (
    <figure className="mx-auto mb-4 max-w-sm">
      <svg
        viewBox="-4 -4 108 108"
        className="w-full"
        role="img"
        aria-label="Bought (upwards) by score (to the right); the table has the numbers"
      >
        <path d="M0 100H100M0 100V0" className="stroke-line" strokeWidth={0.6} fill="none" />
        <path d="M0 100L100 0" className="stroke-gold-bright" strokeWidth={0.7} strokeDasharray="2.5 2" />
        {groups.map(({ mean_score, bought, low_score }) => (
          <g key={low_score}>
            <path
              d={`M${place(mean_score)} ${100 - place(bought.low)}V${100 - place(bought.high)}`}
              className="stroke-lapis"
              strokeWidth={0.8}
            />
            <circle cx={place(mean_score)} cy={100 - place(bought.value)} r={1.8} className="fill-lapis" />
          </g>
        ))}
      </svg>
      <figcaption className="flex justify-between text-xs text-muted">
        <span>Score 0</span>
        <span>up: share that bought</span>
        <span>{asPercent(most)}</span>
      </figcaption>
    </figure>
  );
}

const COLUMNS: Column<Row>[] = [
  {
    id: "score",
    header: "Mean score",
    numeric: true,
    value: (row) => row.mean_score,
    cell: (row) => asPercent(row.mean_score),
  },
  {
    id: "bought",
    header: "Bought",
    numeric: true,
    value: (row) => row.bought.value,
    cell: (row) => asPercent(row.bought.value),
  },
  {
    id: "low",
    header: "At least",
    numeric: true,
    value: (row) => row.bought.low,
    cell: (row) => asPercent(row.bought.low),
  },
  {
    id: "high",
    header: "At most",
    numeric: true,
    value: (row) => row.bought.high,
    cell: (row) => asPercent(row.bought.high),
  },
  {
    id: "sessions",
    header: "Sessions",
    numeric: true,
    value: (row) => row.sessions,
    cell: (row) => asCount(row.sessions),
  },
];
