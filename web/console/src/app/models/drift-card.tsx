"use client";

import { useSite } from "@/api/site";
import { Card } from "@/components/card";
import { asCount, asNumber, asTime } from "@/components/format";
import { Empty, Failed, Loading, Notice } from "@/components/states";

import { Histogram } from "./histogram";
import { useDrift } from "./queries";

/** Whether the last day of a site is as the days before, with what moved. */
export function DriftCard({ zone }: { zone: string }) {
  const { site } = useSite();
  const drift = useDrift(site?.name ?? "");
  return (
    <Card
      title="Drift"
      note="The last day beside the four weeks before: what is farther off than those days are from each other."
    >
      {site ? (
        <Found drift={drift} zone={zone} />
      ) : (
        <Empty title="Choose a site above">Drift is of one site at a time.</Empty>
      )}
    </Card>
  );
}

function Found({ drift, zone }: { drift: ReturnType<typeof useDrift>; zone: string }) {
  if (drift.error) {
    return "error" in drift.error && drift.error.error === "invalid" ? (
      <Empty title="There is too little to compare">{drift.error.reason}</Empty>
    ) : (
      <Failed error={drift.error} onRetry={() => void drift.refetch()} />
    );
  }
  if (!drift.data) return <Loading what="drift" />;
  const { report, since, until } = drift.data;
  const figures = (report.figures ?? []).filter(({ is_alarm: isAlarm }) => isAlarm);
  return (
    <div className="space-y-5">
      <p className="text-sm text-muted tabular-nums">
        {asCount(report.sessions)} sessions from {asTime(since, zone)} to {asTime(until, zone)}, beside{" "}
        {asCount(report.quiet_sessions)} of {report.quiet_days} days
      </p>
      {report.alarms.length + figures.length === 0 ? <Notice kind="good">All is as in the days before.</Notice> : null}
      {figures.map((figure) => (
        <div key={`${figure.name} ${figure.events}`} className="rounded-lg border border-line px-4 py-3">
          <p className="font-medium">{title(figure)}</p>
          <p className="text-sm text-muted">{figure.cause}</p>
          <p className="mt-1 text-sm tabular-nums">
            {asNumber(figure.now, 3)} now; usually {asNumber(figure.usual, 3)}, between {asNumber(figure.low, 3)} and{" "}
            {asNumber(figure.high, 3)}
          </p>
        </div>
      ))}
      <ul className="grid gap-4 xl:grid-cols-2">
        {report.alarms.map((alarm) => (
          <li key={`${alarm.name} ${alarm.events}`} className="min-w-0 rounded-lg border border-line px-4 py-3">
            <p className="font-medium">{title(alarm)}</p>
            <p className="text-sm text-muted">{alarm.cause}</p>
            <Histogram bins={alarm.bins} before={alarm.before} now={alarm.now} label={title(alarm)} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function title({ name, events }: { name: string; events: number }): string {
  return events ? `${name}, event ${events}` : name;
}
