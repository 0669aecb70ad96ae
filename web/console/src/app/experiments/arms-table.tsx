"use client";

import { useMemo } from "react";

import { asCount, asMoney, asPercent } from "@/components/format";
import { type Column, DataTable } from "@/components/table";

import type { Report } from "./queries";

type Arm = Report["arms"][number];

/** Counts and rates of each arm, nothing taken off. */
export function ArmsTable({ report, currency, caption }: { report: Report; currency: string; caption: string }) {
  const columns = useMemo(() => columnsOf(currency), [currency]);
  return <DataTable caption={caption} columns={columns} rows={report.arms} />;
}

function columnsOf(currency: string): Column<Arm>[] {
  return [
    { id: "arm", header: "Arm", value: ({ arm }) => arm },
    {
      id: "visitors",
      header: "Visitors",
      numeric: true,
      value: ({ visitors }) => visitors,
      cell: ({ visitors }) => asCount(visitors),
    },
    {
      id: "sessions",
      header: "Sessions",
      numeric: true,
      value: ({ sessions }) => sessions,
      cell: ({ sessions }) => asCount(sessions),
    },
    {
      id: "conversion",
      header: "Conversion",
      numeric: true,
      value: ({ conversion }) => conversion,
      cell: ({ conversion }) => asPercent(conversion),
    },
    {
      id: "session_conversion",
      header: "Of sessions",
      numeric: true,
      value: ({ session_conversion: rate }) => rate,
      cell: ({ session_conversion: rate }) => asPercent(rate),
    },
    {
      id: "revenue",
      header: "Revenue per visitor",
      numeric: true,
      value: ({ revenue_per_visitor: revenue }) => revenue,
      cell: ({ revenue_per_visitor: revenue }) => asMoney(revenue, currency),
    },
  ];
}
