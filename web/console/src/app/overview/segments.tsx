"use client";

import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { useQueryString } from "@/api/site";
import { Card } from "@/components/card";
import { Select } from "@/components/form";
import { Empty, Loaded } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { MONEY, SESSIONS } from "./figure-columns";
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
  SESSIONS,
  ...MONEY,
];
