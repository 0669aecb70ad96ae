"use client";

import { useState } from "react";

import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Dialog } from "@/components/dialog";
import { asCount, asTime } from "@/components/format";

import { type Change, ChangeForm } from "./change-form";
import { doesWhat, type Experiment, METRICS } from "./queries";

const TITLES: Record<Change, string> = { start: "Start", grow: "Grow", stop: "Stop", discard: "Drop the draft of" };

/** One experiment as it is defined, and what can be done with it; each change asks first. */
export function ExperimentCard({ experiment, zone }: { experiment: Experiment; zone: string }) {
  const { set } = useQueryString();
  const [change, setChange] = useState<Change>();
  const { name, status, plan } = experiment;
  const changes: Change[] = status === "draft" ? ["start", "discard"] : status === "running" ? ["grow", "stop"] : [];
  return (
    <Card
      title={name}
      note={`${status}; ${experiment.kind === "model" ? "models" : "actions"} on ${experiment.site}, by ${experiment.unit}`}
      actions={
        <div className="flex flex-wrap gap-2">
          {changes.map((each) => (
            <Button
              key={each}
              look={each === "stop" || each === "discard" ? "danger" : each === "start" ? "primary" : "plain"}
              onClick={() => setChange(each)}
            >
              {TITLES[each].split(" ")[0]}
            </Button>
          ))}
          <Button onClick={() => set({ experiment: "" })}>Close</Button>
        </div>
      }
    >
      <dl className="grid gap-x-6 gap-y-3 text-sm sm:grid-cols-2">
        {experiment.arms.map((arm, place) => (
          <div key={arm.name}>
            <dt className="text-muted">{place === 0 ? "Control" : "Arm"}</dt>
            <dd>
              {arm.name}: {arm.share} %, {doesWhat(experiment.kind, arm)}
            </dd>
          </div>
        ))}
        <div>
          <dt className="text-muted">Audience</dt>
          <dd className="break-words">{experiment.audience || "everybody"}</dd>
        </div>
        <div>
          <dt className="text-muted">Started, stopped</dt>
          <dd>
            {asTime(experiment.started_at, zone)}, {asTime(experiment.stopped_at, zone)}
          </dd>
        </div>
        <div>
          <dt className="text-muted">How it is read</dt>
          <dd>
            {plan
              ? `${METRICS[plan.decides ?? "conversion"]}, ${plan.reading === "planned" ? "at planned looks" : "at any time"}, ${asCount(plan.planned_visitors)} visitors, ${plan.window_days ?? 7} days for each`
              : "nothing was written down before the start"}
          </dd>
        </div>
        <div>
          <dt className="text-muted">Layer, changed last by</dt>
          <dd>
            {experiment.layer}, {experiment.by}
          </dd>
        </div>
      </dl>
      <Dialog
        open={change !== undefined}
        onClose={() => setChange(undefined)}
        title={change ? `${TITLES[change]} ${name}` : name}
      >
        {change ? (
          <ChangeForm
            experiment={experiment}
            change={change}
            onDone={() => {
              if (change === "discard") set({ experiment: "" });
              setChange(undefined);
            }}
            onCancel={() => setChange(undefined)}
          />
        ) : null}
      </Dialog>
    </Card>
  );
}
