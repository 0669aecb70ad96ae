"use client";

import { useState } from "react";

import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Dialog } from "@/components/dialog";
import { asNumber, asTime } from "@/components/format";
import { Notice } from "@/components/states";

import { type Change, ChangeForm } from "./change-form";
import { ACTIONS, type Intervention } from "./queries";

const TITLES: Record<Change, string> = { start: "Start", stop: "Stop", discard: "Drop the draft of" };

/** One intervention as it is defined, and what can be done with it; each change asks first. */
export function InterventionCard({ intervention, zone }: { intervention: Intervention; zone: string }) {
  const { set } = useQueryString();
  const [change, setChange] = useState<Change>();
  const [notices, setNotices] = useState<string[]>([]);
  const { name, status } = intervention;
  const changes: Change[] = status === "draft" ? ["start", "discard"] : status === "running" ? ["stop"] : [];
  return (
    <Card
      title={name}
      note={`${status}; on ${intervention.site}, to ${ACTIONS[intervention.action]}`}
      actions={
        <div className="flex flex-wrap gap-2">
          {changes.map((each) => (
            <Button key={each} look={each === "start" ? "primary" : "danger"} onClick={() => setChange(each)}>
              {TITLES[each].split(" ")[0]}
            </Button>
          ))}
          <Button onClick={() => set({ intervention: "", trial: "" })}>Close</Button>
        </div>
      }
    >
      {notices.map((line) => (
        <Notice key={line} kind="warn">
          {line}
        </Notice>
      ))}
      <dl className="grid gap-x-6 gap-y-3 text-sm sm:grid-cols-2">
        {rowsOf(intervention, zone).map(([label, value]) => (
          <div key={label} className="min-w-0">
            <dt className="text-muted">{label}</dt>
            <dd className="wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
      <Dialog
        open={change !== undefined}
        onClose={() => setChange(undefined)}
        title={change ? `${TITLES[change]} ${name}` : name}
      >
        {change ? (
          <ChangeForm
            name={name}
            change={change}
            onDone={(found) => {
              setNotices(found);
              if (change === "discard") set({ intervention: "", trial: "" });
              setChange(undefined);
            }}
            onCancel={() => setChange(undefined)}
          />
        ) : null}
      </Dialog>
    </Card>
  );
}

function rowsOf(found: Intervention, zone: string): [string, string][] {
  const { visitor_cap: cap, visitor_cooldown_seconds: cooldown, quiet } = found;
  return [
    ["When", found.when],
    ["Payload", found.payload || "none"],
    ["Priority", String(found.priority)],
    ["For each visitor", cap ? `${cap === 1 ? "once" : `${cap} times`} at most` : "as often as it fires"],
    ["Until a visitor meets it again", cooldown ? `${asNumber(cooldown / 3_600)} hours` : "no time"],
    ["Quiet hours", quiet ? `${quiet.since} to ${quiet.until} o'clock, site time` : "none"],
    ["Experiment", found.experiment ? `in the acting arms of ${found.experiment} alone` : "none"],
    ["Started, stopped", `${asTime(found.started_at, zone)}, ${asTime(found.stopped_at, zone)}`],
    ["Changed last by", found.by],
  ];
}
