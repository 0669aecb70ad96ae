"use client";

import { useQueryString } from "@/api/site";
import { Card } from "@/components/card";
import { Select } from "@/components/form";
import { asCount, asNumber, asTime } from "@/components/format";
import { Loaded, Notice } from "@/components/states";

import { ArmsTable } from "./arms-table";
import { type Interval, Intervals } from "./intervals";
import { type Effect, type Experiment, METRICS, type Report, type Results, useResults } from "./queries";

const DIMENSIONS = {
  band: "Band of the score",
  device_class: "Device",
  visitor_type: "New or returning",
  page_type: "Kind of page",
  weekend: "Weekend",
};

/** The reading of one experiment: first in words, then drawn, then who counts, then what not to conclude. */
export function ResultsCard({ experiment, zone }: { experiment: Experiment; zone: string }) {
  const { get, set } = useQueryString();
  const segments = get("segments");
  const query = useResults(experiment.name, segments);
  return (
    <Card
      title="Results"
      note="Since each visitor met its arm. Intervals have the truth in 95 of 100 experiments."
      actions={
        <Select
          aria-label="Segments"
          value={segments}
          onChange={({ target }) => set({ segments: target.value })}
          className="max-w-full"
        >
          <option value="">usual segments</option>
          {Object.entries(DIMENSIONS)
            .filter(([name]) => experiment.kind === "action" || name !== "band")
            .map(([name, label]) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
        </Select>
      }
    >
      <Loaded query={query} what="the results">
        {(found) => <Reading results={found} zone={zone} />}
      </Loaded>
    </Card>
  );
}

function Reading({ results, zone }: { results: Results; zone: string }) {
  const { report, rule } = results;
  return (
    <div className="space-y-6">
      {results.notices.map((line) => (
        <Notice key={line} kind="warn">
          {line}
        </Notice>
      ))}
      <Words report={report} lines={results.conclusions} />
      <ArmsTable report={report} currency={results.currency} caption="Arms as they were counted" />
      {report.effects.length ? <Effects report={report} currency={results.currency} /> : null}
      {results.segments.map(({ dimension, segments }) => (
        <section key={dimension} aria-label={DIMENSIONS[dimension as keyof typeof DIMENSIONS]}>
          <h3 className="mb-2 text-sm font-semibold">{DIMENSIONS[dimension as keyof typeof DIMENSIONS]}</h3>
          {segments.length ? (
            <Intervals
              {...unitOf(rule.decides, results.currency)}
              rows={segments.map((each) => ({
                label: `${each.segment}, ${each.arm}: ${asCount(each.visitors)} visitors, p ${each.p < 0.001 ? "under 0.001" : asNumber(each.p, 3)} corrected`,
                value: each.difference,
                low: each.low,
                high: each.high,
                isDifference: each.is_difference,
              }))}
            />
          ) : (
            <p className="text-sm text-muted">No segment has 100 visitors in each arm.</p>
          )}
        </section>
      ))}
      {results.uplift.map(({ arm, curve }) => (
        <p key={arm} className="text-sm">
          <span className="font-medium">Who is moved by {arm}: </span>
          {curve.area_low > 0 ? "the score finds them" : "the score is not shown to find them"}; area of the Qini curve{" "}
          {asNumber(curve.area, 4)} ({asNumber(curve.area_low, 4)} to {asNumber(curve.area_high, 4)}).
        </p>
      ))}
      <Labels labels={results.labels} days={rule.window_days} cut={report.revenue_cut} />
      {results.holdout ? (
        <section aria-label="Against the hold-out" className="space-y-3">
          <h3 className="text-sm font-semibold">
            All who can be acted on, against the {results.holdout.share} % held out since{" "}
            {asTime(results.holdout.since, zone)}
          </h3>
          <Words report={results.holdout.report} lines={results.holdout.conclusions} />
          <ArmsTable report={results.holdout.report} currency={results.currency} caption="Hold-out as it was counted" />
        </section>
      ) : null}
      {results.cautions.length ? (
        <section aria-label="What not to conclude">
          <h3 className="mb-2 text-sm font-semibold">What not to conclude</h3>
          <ul className="list-disc space-y-1 pl-5 text-sm text-muted">
            {results.cautions.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </section>
      ) : null}
      <p className="text-xs text-muted">
        As of {asTime(results.until, zone)}; {asCount(rule.planned_visitors)} visitors planned,{" "}
        {rule.reading === "planned" ? `read at ${rule.looks} planned looks` : "read at any time"}
        {rule.is_written_before ? ", as written before the start" : ", which was not written before the start"}.
      </p>
    </div>
  );
}

function Words({ report, lines }: { report: Report; lines: string[] }) {
  return (
    <Notice kind={report.stopped ? "bad" : "plain"}>
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
    </Notice>
  );
}

function Effects({ report, currency }: { report: Report; currency: string }) {
  const metrics = Object.keys(METRICS) as (keyof typeof METRICS)[];
  const control = report.arms[0]?.arm ?? "";
  return (
    <section aria-label={`Differences to ${control}`} className="grid gap-6 lg:grid-cols-3">
      {metrics.map((metric) => {
        const effects = report.effects.filter((each) => each.metric === metric);
        return (
          <div key={metric} className="min-w-0">
            <h3 className="mb-2 text-sm font-semibold">
              {METRICS[metric]}
              {effects[0]?.decides ? <span className="font-normal text-muted"> decides</span> : null}
            </h3>
            <Intervals {...unitOf(metric, currency)} rows={effects.flatMap(asInterval)} />
          </div>
        );
      })}
    </section>
  );
}

function asInterval(effect: Effect): Interval[] {
  const { difference, low, high } = effect;
  if (difference === null || low === null || high === null) return [];
  return [{ label: effect.arm, value: difference, low, high, isDifference: low > 0 || high < 0 }];
}

function unitOf(metric: Effect["metric"], currency: string): { unit: string; scale: number } {
  return metric === "revenue_per_visitor" ? { unit: currency, scale: 1 } : { unit: "points", scale: 100 };
}

function Labels({ labels, days, cut }: { labels: Results["labels"]; days: number; cut: number }) {
  const rows: [string, string][] = [
    ["Visitors counted", asCount(labels.visitors)],
    [`Not yet: their ${days} days are not over`, asCount(labels.unfinished)],
    ["Left out: met two arms", asCount(labels.two_arms)],
    ["Left out: programs", asCount(labels.bots)],
    ["Orders left out: before the exposure", asCount(labels.early_orders)],
    ["Orders left out: after the window", asCount(labels.late_orders)],
    ["Orders refunded, in part or whole", asCount(labels.refunded_orders)],
    ["Revenue cut off the largest buyers", `${asNumber(cut * 100, 1)} %`],
  ];
  return (
    <section aria-label="Who counts">
      <h3 className="mb-2 text-sm font-semibold">Who counts</h3>
      <dl className="grid gap-x-6 gap-y-1 text-sm sm:grid-cols-2">
        {rows.map(([label, value]) => (
          <div key={label} className="flex justify-between gap-4 border-b border-line py-1">
            <dt className="text-muted">{label}</dt>
            <dd className="tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
