"use client";

import { useMemo } from "react";

import type { Schemas } from "@/api/client";
import { Card, Stat } from "@/components/card";
import { asCount, asTime } from "@/components/format";
import { Loaded } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { useLag } from "./queries";
import { useZone } from "./zone";

type Report = Schemas["LagReport"];
type Group = Schemas["GroupLag"];

type Row = Schemas["PartitionLag"] & { part: string };

const COLUMNS: Column<Row>[] = [
  { id: "part", header: "Part", value: ({ part }) => part },
  { id: "topic", header: "Topic", value: ({ topic }) => topic },
  { id: "partition", header: "Partition", value: ({ partition }) => partition, numeric: true },
  {
    id: "committed",
    header: "Read up to",
    value: ({ committed }) => committed,
    cell: ({ committed }) => (committed === null ? "nothing yet" : asCount(committed)),
    numeric: true,
  },
  { id: "end", header: "End", value: ({ end }) => end, cell: ({ end }) => asCount(end), numeric: true },
  {
    id: "behind",
    header: "Behind",
    value: ({ behind }) => behind,
    cell: ({ behind }) => <span className={behind ? "font-medium text-gold" : ""}>{asCount(behind)}</span>,
    numeric: true,
  },
];

const DOES: Record<string, string> = {
  worker: "scores events",
  writer: "fills the databases",
  store: "fills the databases",
  webhooks: "looks for crossings",
};

/** How far behind each part is. */
export function Lag() {
  const query = useLag();
  return (
    <Loaded query={query} what="how far behind the parts are">
      {(report) => <Lags report={report} />}
    </Loaded>
  );
}

function Lags({ report }: { report: Report }) {
  const zone = useZone();
  const rows = useMemo(() => rowsOf(report.groups), [report]);
  return (
    <div className="space-y-6">
      <div className="grid gap-4 sm:grid-cols-3">
        {report.groups.map(({ part, behind, members }) => (
          <Stat
            key={part}
            label={DOES[part] ? `${part}: ${DOES[part]}` : part}
            value={`${asCount(behind)} behind`}
            change={members === null ? "reads alone" : `${members} in the group`}
          />
        ))}
      </div>
      <Card
        title="By partition"
        note={`Records of the log that a part has not read yet. Read ${asTime(report.read_at, zone, true)}.`}
      >
        <DataTable caption="Lag by partition" columns={COLUMNS} rows={rows} file="lag" />
      </Card>
    </div>
  );
}

function rowsOf(groups: Group[]): Row[] {
  return groups.flatMap(({ part, partitions }) => partitions.map((each) => ({ part, ...each })));
}
