"use client";

import { useEffect } from "react";

import { api } from "@/api/client";
import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { asCount, asTime } from "@/components/format";
import { Loaded, Notice } from "@/components/states";

import { asFixed } from "./metrics";
import { isUnderWay, type Job, useJob, useJobs, useReload } from "./queries";

const STATES: Record<Job["state"], string> = {
  judging: "Its shadow is made",
  promoting: "The workers take it",
  done: "In force",
  refused: "The gate refuses it",
  failed: "It failed",
  stopped: "Stopped",
};

/** The promotion that the address names, or one that runs: how far it is and what came of it. */
export function JobCard({ zone }: { zone: string }) {
  const { get, set } = useQueryString();
  const jobs = useJobs().data?.jobs ?? [];
  const id = Number(get("job")) || jobs.find(({ state }) => isUnderWay(state))?.id || 0;
  const job = useJob(id);
  const reload = useReload();
  const state = job.data?.state;
  useEffect(() => {
    if (state === "done") reload();
  }, [state, reload]);
  if (id === 0) return null;
  return (
    <Card title="Promotion" actions={<Button onClick={() => set({ job: "" })}>Close</Button>}>
      <Loaded query={job} what="the promotion">
        {(found) => <JobState job={found} zone={zone} />}
      </Loaded>
    </Card>
  );
}

function JobState({ job, zone }: { job: Job; zone: string }) {
  const reload = useReload();
  const stop = api.useMutation("delete", "/promotions/{job}", { onSuccess: reload });
  const what = job.kind === "promote" ? job.version : job.version || "the version before";
  return (
    <div className="space-y-3">
      <p role="status" className="font-medium">
        {STATES[job.state]}: {what}
        <span className="font-normal text-muted"> {job.site ? `for site ${job.site}` : "for all sites"}</span>
      </p>
      <p className="text-sm text-muted tabular-nums">
        Begun {asTime(job.started_at, zone, true)} by {job.who}
        {job.before ? `; before it: ${job.before}` : null}
      </p>
      {job.state === "judging" ? (
        <div className="flex flex-wrap items-center gap-4">
          <progress
            className="h-2 w-full max-w-96 accent-lapis"
            aria-label="Events compared"
            max={Math.max(job.records ?? 0, 1)}
            value={job.done ?? 0}
          />
          <span className="text-sm text-muted tabular-nums">
            {asCount(job.done)} of {asCount(job.records)} events
          </span>
          <Button disabled={stop.isPending} onClick={() => stop.mutate({ params: { path: { job: job.id } } })}>
            Stop
          </Button>
        </div>
      ) : null}
      <Reasons job={job} />
      {job.failure ? <Notice kind="bad">{job.failure}</Notice> : null}
      {job.remarks?.length ? <Notice kind="warn">{job.remarks.join(" ")}</Notice> : null}
      {job.report ? <Compared job={job} /> : null}
    </div>
  );
}

function Reasons({ job }: { job: Job }) {
  if (!job.refusals?.length) return null;
  return (
    <Notice kind="warn">
      <p className="font-medium">
        {job.state === "refused"
          ? "It does not go live, and nothing was changed:"
          : "It went live against the gate, which found:"}
      </p>
      <ul className="mt-1 list-disc pl-5">
        {job.refusals.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </Notice>
  );
}

/** What the shadow found of all updates, both versions side by side. */
function Compared({ job }: { job: Job }) {
  const whole = job.report?.by_event.all;
  if (!whole?.sessions) return null;
  const rows = [
    ["Log-loss", whole.live.log_loss, whole.candidate.log_loss],
    ["AUC", whole.live.auc, whole.candidate.auc],
    ["Calibration error", whole.live.ece, whole.candidate.ece],
    ["Mean probability", whole.live.predicted, whole.candidate.predicted],
  ] as const;
  return (
    <div
      className="relative overflow-x-auto"
      tabIndex={0}
      role="region"
      aria-label="Both versions on the same sessions"
    >
      <table className="w-full max-w-[34rem] text-sm tabular-nums">
        <caption className="pb-2 text-left text-muted">
          On {asCount(whole.sessions)} sessions that are new to it, of which {asCount(whole.buyers)} bought
        </caption>
        <thead className="border-b border-line text-muted">
          <tr>
            <th scope="col" className="py-1.5 text-left font-medium" />
            <th scope="col" className="py-1.5 text-right font-medium">
              in force
            </th>
            <th scope="col" className="py-1.5 text-right font-medium">
              this version
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, live, candidate]) => (
            <tr key={name} className="border-b border-line last:border-0">
              <th scope="row" className="py-1.5 text-left font-normal">
                {name}
              </th>
              <td className="py-1.5 text-right">{asFixed(live, 4)}</td>
              <td className="py-1.5 text-right">{asFixed(candidate, 4)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
