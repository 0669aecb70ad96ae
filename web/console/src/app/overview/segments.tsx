"use client";

import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { useQueryString } from "@/api/site";
import { Card } from "@/components/card";
import { Select } from "@/components/form";
import { asCount, asMoney, asPercent } from "@/components/format";
import { Empty, Loaded } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { type PeriodQuery, useSegments } from "./use-overview";
import { DIMENSIONS, type Dimension, segmentName } from "./words";

type Row = Schemas["SegmentFigures"];

/** The figures by where sessions came from, on what, by whom. `name` keeps the choices of two such cards apart. */
export function Segments({ name, usual, query }: { name: string; usual: Dimension; query: PeriodQuery }) {
  const { get, set } = useQueryString();
  const dimension = (Object.keys(DIMENSIONS) as Dimension[]).find((each) => each === get(name)) ?? usual;
  const segments = useSegments(query, dimension);
  return (
    <Card
      title={DIMENSIONS[dimension]}
      actions={
        <Select
          aria-label="Divide sessions by"
          value={dimension}
          onChange={({ target }) => set({ [name]: target.value === usual ? "" : target.value })}
        >
          {Object.entries(DIMENSIONS).map(([id, label]) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </Select>
      }
    >
      <Loaded query={segments} what={DIMENSIONS[dimension].toLowerCase()}>
        {(data) => <SegmentTable segments={data} />}
      </Loaded>
    </Card>
  );
}

function SegmentTable({ segments }: { segments: Schemas["Segments"] }) {
  const rows = useMemo(
    () => [...segments.segments, ...(segments.others ? [{ name: "All others", figures: segments.others }] : [])],
    [segments],
  );
  return (
    <DataTable
      caption={DIMENSIONS[segments.dimension]}
      columns={COLUMNS}
      rows={rows}
      file={`overview-${segments.dimension}`}
      empty={<Empty title="No sessions in this period">Choose a longer one.</Empty>}
    />
  );
}

const COLUMNS: Column<Row>[] = [
  { id: "name", header: "Name", value: (row) => segmentName(row.name) },
  {
    id: "sessions",
    header: "Sessions",
    numeric: true,
    value: (row) => row.figures.sessions,
    cell: (row) => asCount(row.figures.sessions),
  },
  {
    id: "conversion",
    header: "Conversion",
    numeric: true,
    value: (row) => row.figures.conversion.value,
    cell: (row) => asPercent(row.figures.conversion.value),
  },
  {
    id: "average",
    header: "Average order",
    numeric: true,
    value: (row) => row.figures.average_order_value,
    cell: (row) => asMoney(row.figures.average_order_value, row.figures.currency),
  },
  {
    id: "revenue",
    header: "Revenue",
    numeric: true,
    value: (row) => row.figures.revenue,
    cell: (row) => asMoney(row.figures.revenue, row.figures.currency),
  },
];
