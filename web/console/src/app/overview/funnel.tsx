"use client";

import type { Schemas } from "@/api/client";
import { asCount, asPercent } from "@/components/format";
import { Bar } from "@/components/intent";
import { type Column, DataTable } from "@/components/table";

import { STEPS } from "./words";

type Row = Schemas["StepCount"] & { before: Schemas["StepCount"] | null };

/** How far the sessions came; a later step implies the earlier ones. */
export function Funnel({ funnel, other }: { funnel: Schemas["Funnel"]; other: Schemas["Funnel"] | undefined }) {
  const rows = funnel.steps.map<Row>((step, place) => ({ ...step, before: other?.steps[place] ?? null }));
  return (
    <>
      <DataTable caption="Funnel" columns={other ? COLUMNS : COLUMNS.slice(0, -1)} rows={rows} file="overview-funnel" />
      {funnel.unverified ? (
        <p className="mt-3 text-sm text-muted">
          {asCount(funnel.unverified)} more sessions have an order that only a browser reported. Let your server sign
          orders, and they count.
        </p>
      ) : null}
    </>
  );
}

const COLUMNS: Column<Row>[] = [
  {
    id: "step",
    header: "Step",
    value: (row) => STEPS[row.step],
    cell: (row) => (
      <div className="min-w-32">
        {STEPS[row.step]}
        <Bar share={row.of_sessions.value} className="mt-1.5" />
      </div>
    ),
  },
  {
    id: "reached",
    header: "Sessions",
    numeric: true,
    value: (row) => row.reached,
    cell: (row) => asCount(row.reached),
  },
  {
    id: "of_sessions",
    header: "Of all",
    numeric: true,
    value: (row) => row.of_sessions.value,
    cell: (row) => asPercent(row.of_sessions.value),
  },
  {
    id: "of_previous",
    header: "Of the last",
    numeric: true,
    value: (row) => row.of_previous.value,
    cell: (row) => asPercent(row.of_previous.value),
  },
  {
    id: "before",
    header: "Other period",
    numeric: true,
    value: (row) => row.before?.of_sessions.value ?? null,
    cell: (row) => asPercent(row.before?.of_sessions.value),
  },
];
