"use client";

import clsx from "clsx";
import { useMemo } from "react";

import { Card } from "@/components/card";
import { asCount, asTime } from "@/components/format";
import { Empty, Loaded } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { type Run, useLearning } from "./queries";

const STEPS: Record<Run["step"], [string, string]> = {
  learning: ["learning", "text-lapis"],
  shadowing: ["being compared", "text-lapis"],
  promoting: ["going live", "text-lapis"],
  watching: ["live, watched", "text-good"],
  rolling_back: ["being rolled back", "text-bad"],
  waiting: ["too little to learn from", "text-muted"],
  refused: ["refused by the gate", "text-gold"],
  proposed: ["proposed to you", "text-gold"],
  kept: ["live, kept", "text-good"],
  replaced: ["replaced by a newer one", "text-muted"],
  overruled: ["overruled by somebody", "text-muted"],
  rolled_back: ["rolled back", "text-bad"],
  failed: ["failed", "text-bad"],
};

/** What the learner did, and why. */
export function LearningCard({ site, zone }: { site: string; zone: string }) {
  const learning = useLearning(site);
  const columns = useMemo(() => columnsOf(zone), [zone]);
  return (
    <Card title="Learning" note="What the learner did for each site, the newest first, and why.">
      <Loaded query={learning} what="what was learned">
        {({ sites }) => <Runs runs={sites} columns={columns} />}
      </Loaded>
    </Card>
  );
}

function Runs({ runs: sites, columns }: { runs: { runs: Run[] }[]; columns: Column<Run>[] }) {
  const runs = useMemo(
    () => sites.flatMap((each) => each.runs).sort((one, other) => other.started_at - one.started_at),
    [sites],
  );
  return (
    <DataTable
      caption="Runs of the learner"
      columns={columns}
      rows={runs}
      file="learning"
      empty={
        <Empty title="Nothing was learned yet">
          The learner looks at every site each hour, and learns where there are sessions and purchases enough.
        </Empty>
      }
    />
  );
}

function columnsOf(zone: string): Column<Run>[] {
  return [
    {
      id: "begun",
      header: "Begun",
      value: ({ started_at: at }) => at,
      cell: ({ started_at: at }) => <span className="whitespace-nowrap">{asTime(at, zone)}</span>,
    },
    { id: "site", header: "Site", value: ({ site }) => site },
    {
      id: "result",
      header: "Result",
      value: ({ step }) => STEPS[step][0],
      cell: ({ step }) => <span className={clsx("font-medium", STEPS[step][1])}>{STEPS[step][0]}</span>,
    },
    {
      id: "sessions",
      header: "Sessions",
      numeric: true,
      value: ({ sessions }) => sessions,
      cell: ({ sessions }) => asCount(sessions),
    },
    {
      id: "purchases",
      header: "Bought",
      numeric: true,
      value: ({ purchases }) => purchases,
      cell: ({ purchases }) => asCount(purchases),
    },
    {
      id: "candidate",
      header: "Version",
      value: ({ candidate }) => candidate ?? "",
      cell: ({ candidate }) => <span className="break-all">{candidate || "–"}</span>,
    },
    {
      id: "reasons",
      header: "Why",
      value: ({ reasons }) => (reasons ?? []).join("; "),
      cell: ({ reasons }) => (
        <ul className="min-w-56 space-y-1 text-muted">
          {(reasons ?? []).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ),
    },
  ];
}
