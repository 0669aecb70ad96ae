"use client";

import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { useQueryString } from "@/api/site";
import { Card } from "@/components/card";
import { Select } from "@/components/form";
import { asCount, asPercent } from "@/components/format";
import { type Column, DataTable } from "@/components/table";

import { BandShares } from "./band-shares";
import { MONEY, SESSIONS } from "./figure-columns";
import { currencyOf, MEASURES } from "./measures";
import { type Point, TimeChart } from "./time-chart";
import type { ChosenPeriod } from "./use-period";

type Row = Schemas["SpanFigures"] & { name: string; before: Schemas["SpanFigures"] | null };

/** The figures of each hour or day, as a chart and as a table. */
export function OverTime({ series, period }: { series: Schemas["Series"]; period: ChosenPeriod }) {
  const { get, set } = useQueryString();
  const measure = MEASURES.find(({ id }) => id === get("measure")) ?? (MEASURES[0] as (typeof MEASURES)[number]);
  const rows = useMemo(() => rowsOf(series), [series]);
  const currency = currencyOf(series.current.spans);
  const points = useMemo(
    () =>
      rows.map<Point>((row) => ({
        label: row.name,
        now: measure.value(row),
        before: row.before ? measure.value(row.before) : null,
        beforeLabel: row.before ? nameOf(row.before.at, series) : "",
      })),
    [rows, measure, series],
  );
  return (
    <Card
      title="Over time"
      note={`By ${series.by}, in the site's time zone (${series.zone})`}
      actions={
        <div className="flex flex-wrap gap-2">
          <Select
            aria-label="Measure"
            value={measure.id}
            onChange={({ target }) => set({ measure: target.value === "conversion" ? "" : target.value })}
          >
            {MEASURES.map(({ id, label }) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </Select>
          {period.mayBeHours ? (
            <Select aria-label="By" value={period.by} onChange={({ target }) => set({ by: target.value })}>
              <option value="day">By day</option>
              <option value="hour">By hour</option>
            </Select>
          ) : null}
        </div>
      }
    >
      <p className="mb-3 flex gap-5 text-sm text-muted">
        <Key dashed={false} label="This period" />
        {series.compared ? <Key dashed label="The other period" /> : null}
      </p>
      <TimeChart points={points} measure={measure} currency={currency} />
      <BandShares rows={rows} />
      <details className="mt-5">
        <summary className="text-sm font-medium text-lapis">All figures as a table</summary>
        <div className="mt-3">
          <DataTable
            caption={`Figures by ${series.by}`}
            columns={COLUMNS}
            rows={rows}
            file={`overview-by-${series.by}`}
          />
        </div>
      </details>
    </Card>
  );
}

function Key({ dashed, label }: { dashed: boolean; label: string }) {
  return (
    <span className="inline-flex items-center gap-2">
      <svg viewBox="0 0 24 4" className="h-1 w-6" aria-hidden="true">
        <path
          d="M0 2h24"
          strokeWidth={3}
          strokeDasharray={dashed ? "5 4" : undefined}
          className={dashed ? "stroke-gold-bright" : "stroke-lapis"}
        />
      </svg>
      {label}
    </span>
  );
}

function rowsOf(series: Schemas["Series"]): Row[] {
  const before = series.compared?.spans ?? [];
  return series.current.spans.map((span, place) => ({
    ...span,
    name: nameOf(span.at, series),
    before: before[place] ?? null,
  }));
}

function nameOf(at: number, { zone, by }: Schemas["Series"]): string {
  return new Intl.DateTimeFormat(undefined, {
    day: "numeric",
    month: "short",
    timeZone: zone,
    ...(by === "hour" ? ({ hour: "2-digit", minute: "2-digit" } as const) : {}),
  }).format(at);
}

const COLUMNS: Column<Row>[] = [
  { id: "at", header: "Begins", value: (row) => row.at, cell: (row) => row.name },
  SESSIONS,
  {
    id: "buyers",
    header: "Buyers",
    numeric: true,
    value: (row) => row.figures.buyers,
    cell: (row) => asCount(row.figures.buyers),
  },
  ...MONEY,
  {
    id: "intent",
    header: "Mean intent",
    numeric: true,
    value: (row) => row.mean_intent,
    cell: (row) => asPercent(row.mean_intent),
  },
  { id: "low", header: "Low", numeric: true, value: (row) => row.bands.low ?? 0 },
  { id: "building", header: "Building", numeric: true, value: (row) => row.bands.building ?? 0 },
  { id: "high", header: "High", numeric: true, value: (row) => row.bands.high ?? 0 },
];
