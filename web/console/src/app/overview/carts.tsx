"use client";

import type { Schemas } from "@/api/client";
import { asCount, asNumber, asPercent } from "@/components/format";
import { Bar } from "@/components/intent";
import { Empty } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { FATES } from "./words";

type Row = Schemas["FateCount"] & { before: Schemas["FateCount"] | null };

/** What became of carts. */
export function Carts({ carts, other }: { carts: Schemas["Carts"]; other: Schemas["Carts"] | undefined }) {
  if (carts.carts === 0)
    return (
      <Empty title="No carts in this period">
        Carts are known by commerce events: the tag reads them from the data layer of most shops, or your pages send
        them.
      </Empty>
    );
  const rows = carts.fates.map<Row>((fate, place) => ({ ...fate, before: other?.fates[place] ?? null }));
  return (
    <DataTable
      caption="What became of carts"
      columns={other ? COLUMNS : COLUMNS.slice(0, -1)}
      rows={rows}
      file="overview-carts"
    />
  );
}

const COLUMNS: Column<Row>[] = [
  {
    id: "fate",
    header: "Cart",
    value: (row) => FATES[row.fate].label,
    cell: (row) => (
      <div className="min-w-36">
        {FATES[row.fate].label}
        <Bar share={row.share.value} className="mt-1.5" />
        <p className="mt-1 text-xs text-muted">
          {FATES[row.fate].what}
          {row.undecided ? ` ${asCount(row.undecided)} of them are so young that the visitor may still buy.` : ""}
        </p>
      </div>
    ),
  },
  { id: "carts", header: "Carts", numeric: true, value: (row) => row.carts, cell: (row) => asCount(row.carts) },
  {
    id: "share",
    header: "Share",
    numeric: true,
    value: (row) => row.share.value,
    cell: (row) => asPercent(row.share.value),
  },
  { id: "value", header: "Value", numeric: true, value: (row) => row.value, cell: (row) => asNumber(row.value, 0) },
  {
    id: "before",
    header: "Other period",
    numeric: true,
    value: (row) => row.before?.share.value ?? null,
    cell: (row) => asPercent(row.before?.share.value),
  },
];
