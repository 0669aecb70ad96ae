"use client";

import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { useQueryString } from "@/api/site";
import { Select } from "@/components/form";
import { asCount, asPercent } from "@/components/format";
import { BandBadge } from "@/components/intent";
import { type Column, DataTable } from "@/components/table";

import { MOMENTS } from "./words";

type Row = Schemas["BandCount"];

/** Whether sessions of a higher band buy more often. */
export function BandConversion({ bands }: { bands: Schemas["Bands"] }) {
  const { get, set } = useQueryString();
  const moment = Object.keys(MOMENTS).find((each) => each === get("moment")) ?? "event_5";
  const rows = useMemo(() => bands.bands.filter((each) => each.moment === moment).toReversed(), [bands, moment]);
  return (
    <>
      <Select
        aria-label="When the band is read"
        className="mb-2"
        value={moment}
        onChange={({ target }) => set({ moment: target.value === "event_5" ? "" : target.value })}
      >
        {Object.entries(MOMENTS).map(([id, label]) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </Select>
      <DataTable caption="Conversion by band" columns={COLUMNS} rows={rows} file={`overview-bands-${moment}`} />
    </>
  );
}

const COLUMNS: Column<Row>[] = [
  { id: "band", header: "Band", value: (row) => row.band, cell: (row) => <BandBadge band={row.band} /> },
  {
    id: "sessions",
    header: "Sessions",
    numeric: true,
    value: (row) => row.sessions,
    cell: (row) => asCount(row.sessions),
  },
  { id: "buyers", header: "Bought", numeric: true, value: (row) => row.buyers, cell: (row) => asCount(row.buyers) },
  {
    id: "conversion",
    header: "Conversion",
    numeric: true,
    value: (row) => row.conversion.value,
    cell: (row) =>
      row.sessions === 0 ? (
        "–"
      ) : (
        <span title={`${asPercent(row.conversion.low)} to ${asPercent(row.conversion.high)} with 95 % confidence`}>
          {asPercent(row.conversion.value)}
        </span>
      ),
  },
];
