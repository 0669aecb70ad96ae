"use client";

import clsx from "clsx";

import { asClock, asNumber, asPercent } from "@/components/format";
import { BandBadge } from "@/components/intent";

import { RawRecord } from "./raw-record";
import { nameOf, type Step } from "./steps";

/** Each event, what it changed, and how and why the score moved. */
export function StepList({ steps, site, id, zone }: { steps: Step[]; site: string; id: string; zone: string }) {
  return (
    <ol className="divide-y divide-line">
      {steps.map((step) => (
        <StepRow key={step.update.version} step={step} site={site} id={id} zone={zone} />
      ))}
    </ol>
  );
}

function StepRow({ step, site, id, zone }: { step: Step; site: string; id: string; zone: string }) {
  const { update, moved, changes } = step;
  return (
    <li className="grid gap-x-6 gap-y-2 py-4 md:grid-cols-[11rem_minmax(0,1fr)_9rem]">
      <div>
        <p className="font-medium">{nameOf(update)}</p>
        <p className="text-xs text-muted tabular-nums">{asClock(update.occurred_at, zone)}</p>
      </div>
      <div className="min-w-0 text-sm">
        {update.event.path ? <p className="truncate font-mono text-xs">{update.event.path}</p> : null}
        {update.reasons.length > 0 ? (
          <ul className="mt-1 text-muted">
            {update.reasons.map((reason) => (
              <li key={reason.feature} className="first-letter:uppercase">
                {reason.text}
              </li>
            ))}
          </ul>
        ) : null}
        <details className="mt-1.5">
          <summary className="text-xs text-lapis">
            {changes.length === 0 ? "Record" : `${changes.length} changed, and the record`}
          </summary>
          {changes.length > 0 ? (
            <dl className="mt-2 grid grid-cols-[auto_1fr] gap-x-4 gap-y-0.5 text-xs">
              {changes.map(({ name, before, after }) => (
                <div key={name} className="contents">
                  <dt className="text-muted">{name}</dt>
                  <dd className="tabular-nums">
                    {before} → {after}
                  </dd>
                </div>
              ))}
            </dl>
          ) : null}
          <RawRecord site={site} id={id} offset={update.event.offset} named={update.event.id != null} />
        </details>
      </div>
      <div className="flex items-center gap-3 md:flex-col md:items-end md:gap-1">
        <span className="text-lg font-semibold tabular-nums">{asPercent(update.probability)}</span>
        <span className="flex items-center gap-2">
          {moved === null ? null : (
            <span
              className={clsx(
                "text-xs tabular-nums",
                moved > 0.0005 ? "text-good" : moved < -0.0005 ? "text-bad" : "text-muted",
              )}
            >
              {moved > 0 ? "+" : ""}
              {asNumber(100 * moved, 1)}
            </span>
          )}
          <BandBadge band={update.band} />
        </span>
      </div>
    </li>
  );
}
