"use client";

import { type FormEvent, useState } from "react";

import { api } from "@/api/client";
import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card, Stat } from "@/components/card";
import { Field, Input, Select } from "@/components/form";
import { asCount, asTime } from "@/components/format";
import { Loaded, Notice } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { type Intervention, type Job, ruleOf, type Trial, useTrial } from "./queries";

const DAY_MS = 86_400_000;

/** What the rule would have done in the last days: the recent log is folded with it, and nothing changes. */
export function TrialCard({ intervention, zone }: { intervention: Intervention; zone: string }) {
  const { get, set } = useQueryString();
  const [days, setDays] = useState("1");
  const [source, setSource] = useState<"kafka" | "clickhouse">("kafka");
  const id = Number(get("trial")) || 0;
  const job = useTrial(id);
  // A link may carry the number of another one's trial, or that of a process before.
  const isOwn = job.data?.request.intervention?.name === intervention.name;
  const begin = api.useMutation("post", "/replays", { onSuccess: (begun) => set({ trial: String(begun.id) }) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    begin.mutate({ body: { request: selection(intervention, Number(days), source), anew: false } });
  };
  const isRunning = isOwn && job.data?.state === "running";
  return (
    <Card title="Try it" note="On what the log has of the last days, as if it had been in force. It changes nothing.">
      <form onSubmit={submit} className="mb-4 flex flex-wrap items-end gap-4">
        <Field label="Days">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required
              min="0.01"
              max="365"
              step="any"
              value={days}
              onChange={(event) => setDays(event.target.value)}
              className="w-24"
            />
          )}
        </Field>
        <Field label="Read from">
          {(ids) => (
            <Select
              {...ids}
              value={source}
              onChange={(event) => setSource(event.target.value === "kafka" ? "kafka" : "clickhouse")}
            >
              <option value="kafka">Kafka</option>
              <option value="clickhouse">ClickHouse</option>
            </Select>
          )}
        </Field>
        <Button type="submit" look="primary" disabled={begin.isPending || isRunning}>
          {isRunning ? "It is tried" : "Try it"}
        </Button>
      </form>
      {begin.error ? <Notice kind="bad">{begin.error.reason}</Notice> : null}
      {id && (isOwn || job.error) ? (
        <Loaded query={job} what="the trial">
          {(found) => <Tried job={found} zone={zone} />}
        </Loaded>
      ) : null}
    </Card>
  );
}

function selection(intervention: Intervention, days: number, source: "kafka" | "clickhouse"): Job["request"] {
  const since = Math.round(Date.now() - days * DAY_MS);
  const wanted = { into: "trial", since, site: intervention.site, source, intervention: ruleOf(intervention) };
  // What is left out has its default.
  return wanted as unknown as Job["request"];
}

function Tried({ job, zone }: { job: Job; zone: string }) {
  const report = job.account?.trial;
  return (
    <div className="space-y-4">
      {job.state === "running" ? (
        <div role="status" className="flex items-center gap-4 text-sm text-muted tabular-nums">
          <progress
            className="h-2 w-full max-w-96 accent-lapis"
            aria-label="Records folded"
            max={Math.max(job.records, 1)}
            value={job.done}
          />
          {asCount(job.done)} of {asCount(job.records)} records
        </div>
      ) : null}
      {job.failure ? <Notice kind={job.state === "failed" ? "bad" : "plain"}>{job.failure}</Notice> : null}
      {report ? <Report report={report} zone={zone} /> : null}
    </div>
  );
}

function Report({ report, zone }: { report: Trial; zone: string }) {
  const columns: Column<Trial["hours"][number]>[] = [
    {
      id: "since",
      header: "Hour from",
      value: ({ since }) => since,
      cell: ({ since }) => <span className="whitespace-nowrap">{asTime(since, zone)}</span>,
    },
    { id: "delivered", header: "Delivered", numeric: true, value: ({ delivered }) => delivered },
  ];
  return (
    <section aria-label="What it would have done" className="space-y-4">
      <p role="status">
        It would have fired in {asCount(report.fired)} of {asCount(report.sessions)} sessions that opened since{" "}
        {asTime(report.since, zone)}.
      </p>
      <div className="grid gap-3 sm:grid-cols-4">
        <Stat label="Delivered" value={asCount(report.delivered)} />
        <Stat label="Visitors" value={asCount(report.visitors)} />
        <Stat label="Held back" value={asCount(report.held)} />
        <Stat label="Too many" value={asCount(report.capped)} />
      </div>
      {report.hours.length ? (
        <DataTable caption="By the hour" columns={columns} rows={report.hours} file={`trial-${report.name}`} />
      ) : null}
    </section>
  );
}
