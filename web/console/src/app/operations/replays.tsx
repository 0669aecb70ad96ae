"use client";

import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { api, type Schemas } from "@/api/client";
import { useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Field, Select } from "@/components/form";
import { asCount, asDuration, asTime } from "@/components/format";
import { Bar } from "@/components/intent";
import { Empty, Loaded, Notice } from "@/components/states";

import { Badge, type BadgeLook } from "./badge";
import { KEYS, useJobs } from "./queries";
import { useZone } from "./zone";

type Job = Schemas["Job"];

const LOOKS: Record<Job["state"], BadgeLook> = { running: "busy", done: "good", failed: "bad", stopped: "quiet" };

/** Replays of this process, with their progress, and how one begins. */
export function Replays() {
  const query = useJobs();
  return (
    <div className="grid gap-6 xl:grid-cols-[minmax(0,1fr)_22rem]">
      <Card title="Replays" note="Each folds the log again, beside live traffic. The newest is first.">
        <Loaded query={query} what="replays">
          {({ jobs }) =>
            jobs.length ? (
              <ul className="divide-y divide-line">
                {jobs.map((job) => (
                  <JobRow key={job.id} job={job} />
                ))}
              </ul>
            ) : (
              <Empty title="No replay since the start">
                Begin one here: a dry run says what would change and changes nothing.
              </Empty>
            )
          }
        </Loaded>
      </Card>
      <Start isBusy={query.data?.jobs.some(({ state }) => state === "running") ?? false} />
    </div>
  );
}

function JobRow({ job }: { job: Job }) {
  const zone = useZone();
  const client = useQueryClient();
  const stop = api.useMutation("delete", "/replays/{job}", {
    onSettled: () => client.invalidateQueries({ queryKey: [KEYS.jobs] }),
  });
  const share = job.records ? job.done / job.records : job.state === "done" ? 1 : 0;
  const ended = job.ended_at ?? null;
  const { request } = job;
  const words = [
    request.into === "nothing" ? "dry run" : `into ${request.into}`,
    request.site ? `site ${request.site}` : "all sites",
    request.include_late ? "with late events" : "",
    request.model ? `by ${request.model}` : "",
  ];
  return (
    <li className="space-y-2 py-3 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-center gap-3">
        <Badge look={LOOKS[job.state]}>{job.state}</Badge>
        <span className="font-medium">Replay {job.number || job.id}</span>
        <span className="text-sm text-muted">{words.filter(Boolean).join(", ")}</span>
        {job.state === "running" ? (
          <Button
            look="danger"
            className="ml-auto h-8 px-2.5"
            disabled={stop.isPending}
            onClick={() => stop.mutate({ params: { path: { job: job.id } } })}
          >
            Stop
          </Button>
        ) : null}
      </div>
      <div className="flex items-center gap-3">
        <Bar share={share} className="max-w-md" />
        <span className="text-xs whitespace-nowrap text-muted tabular-nums">
          {asCount(job.done)} of {asCount(job.records)} records
        </span>
      </div>
      <p className="text-xs text-muted">
        Begun {asTime(job.started_at, zone, true)}
        {ended === null ? "" : `, took ${asDuration((ended - job.started_at) / 1_000)}`}
        {job.account ? `; ${asCount(job.account.sessions)} sessions` : ""}
      </p>
      {job.failure ? <Notice kind={job.state === "failed" ? "bad" : "plain"}>{job.failure}</Notice> : null}
      {job.remarks.map((remark) => (
        <p key={remark} className="text-xs text-muted">
          {remark}
        </p>
      ))}
    </li>
  );
}

function Start({ isBusy }: { isBusy: boolean }) {
  const { site } = useSite();
  const client = useQueryClient();
  const [into, setInto] = useState<"nothing" | "databases">("nothing");
  const [late, setLate] = useState(false);
  const begin = api.useMutation("post", "/replays", {
    onSettled: () => client.invalidateQueries({ queryKey: [KEYS.jobs] }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const request = { into, include_late: late, ...(site ? { site: site.name } : {}) };
    begin.mutate({ body: { request: request as Schemas["ReplaySelection"], anew: false } });
  };
  return (
    <Card title="Begin a replay" className="self-start">
      <form onSubmit={submit} className="space-y-4">
        <p className="text-sm text-muted">
          {site ? `Of the site ${site.name}.` : "Of all sites; choose one above for its sessions alone."}
        </p>
        <Field label="What for">
          {(ids) => (
            <Select
              {...ids}
              className="w-full"
              value={into}
              onChange={(event) => setInto(event.target.value as typeof into)}
            >
              <option value="nothing">Dry run: change nothing</option>
              <option value="databases">Write the databases again</option>
            </Select>
          )}
        </Field>
        <label className="flex items-start gap-2 text-sm">
          <input
            type="checkbox"
            className="mt-1 accent-lapis"
            checked={late}
            onChange={(event) => setLate(event.target.checked)}
          />
          Fold late events in their places
        </label>
        {begin.error ? <Notice kind="bad">{(begin.error as unknown as Error).message}</Notice> : null}
        <Button type="submit" look="primary" disabled={begin.isPending || isBusy}>
          {isBusy ? "One is running" : "Begin"}
        </Button>
      </form>
    </Card>
  );
}
