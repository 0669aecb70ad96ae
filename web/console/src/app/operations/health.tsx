"use client";

import type { Schemas } from "@/api/client";
import { Card } from "@/components/card";
import { asTime } from "@/components/format";
import { Loaded, Notice } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { Badge, type BadgeLook } from "./badge";
import { Code } from "./code";
import { useHealth } from "./queries";
import { useZone } from "./zone";

type Finding = Schemas["HealthFinding"];
type Report = Schemas["HealthReport"];

const LOOKS: Record<Finding["state"], BadgeLook> = { ok: "good", warning: "warn", fault: "bad" };
const ORDER: Finding["state"][] = ["fault", "warning", "ok"];
const WHOLE = {
  ok: "Everything is well.",
  warning: "The system works; something needs a look.",
  fault: "Something does not work. Each fault below says what mends it.",
};
const NOTICES = { ok: "good", warning: "warn", fault: "bad" } as const;

const COLUMNS: Column<Finding>[] = [
  {
    id: "state",
    header: "State",
    value: ({ state }) => state,
    cell: ({ state }) => <Badge look={LOOKS[state]}>{state}</Badge>,
  },
  {
    id: "check",
    header: "What",
    value: ({ check }) => check,
    cell: ({ check }) => <span className="font-medium whitespace-nowrap">{check}</span>,
  },
  { id: "line", header: "Found", value: ({ line }) => line, cell: ({ line }) => <Code text={line} /> },
];

/** What `opecom doctor` finds, the worst first. */
export function Health() {
  const query = useHealth();
  return (
    <Card
      title="Health of every part"
      note={<Code text="What `opecom doctor` finds, checked again every 20 seconds while you look." />}
    >
      <Loaded query={query} what="what the checks find">
        {(report) => <Found report={report} />}
      </Loaded>
    </Card>
  );
}

function Found({ report }: { report: Report }) {
  const zone = useZone();
  const findings = sorted(report.findings);
  return (
    <div className="space-y-4">
      <Notice kind={NOTICES[report.state]}>
        {WHOLE[report.state]} Checked {asTime(report.checked_at, zone, true)}.
      </Notice>
      <DataTable caption="What the checks found" columns={COLUMNS} rows={findings} file="health" />
    </div>
  );
}

const kept = new WeakMap<Finding[], Finding[]>();

/** The worst first; the same list for the same findings, as the table asks for. */
function sorted(findings: Finding[]): Finding[] {
  let found = kept.get(findings);
  if (!found) {
    found = [...findings].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
    kept.set(findings, found);
  }
  return found;
}
