"use client";

import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { asCount, asMoney, asPercent } from "@/components/format";
import { Empty } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

type Row = Schemas["PageFigures"];

/** The pages after which sessions paid most. */
export function TopPages({ pages }: { pages: Schemas["TopPages"] }) {
  const columns = useMemo(() => columnsIn(pages.currency), [pages.currency]);
  return (
    <>
      <DataTable
        caption="Pages by value"
        columns={columns}
        rows={pages.top}
        file="overview-pages"
        empty={<Empty title="No pages in this period">Choose a longer one.</Empty>}
      />
      {pages.pages > pages.top.length ? (
        <p className="mt-2 text-sm text-muted">
          The {asCount(pages.top.length)} most valuable of {asCount(pages.pages)} pages.
        </p>
      ) : null}
    </>
  );
}

function columnsIn(currency: string): Column<Row>[] {
  return [
    {
      id: "path",
      header: "Page",
      value: (row) => row.path,
      cell: (row) => <span className="inline-block min-w-40 break-all">{row.path}</span>,
    },
    {
      id: "value",
      header: "Value",
      numeric: true,
      value: (row) => row.value,
      cell: (row) => asMoney(row.value, currency),
    },
    {
      id: "sessions",
      header: "Sessions",
      numeric: true,
      value: (row) => row.sessions,
      cell: (row) => asCount(row.sessions),
    },
    {
      id: "conversion",
      header: "Bought after it",
      numeric: true,
      value: (row) => row.conversion.value,
      cell: (row) => asPercent(row.conversion.value),
    },
    { id: "views", header: "Views", numeric: true, value: (row) => row.views, cell: (row) => asCount(row.views) },
  ];
}
