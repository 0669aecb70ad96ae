import clsx from "clsx";

import type { Schemas } from "@/api/client";
import { asNumber, asPercent } from "@/components/format";
import { Notice } from "@/components/states";

import { Gauge } from "./gauge";
import { Reasons } from "./reasons";
import type { Answer as Given } from "./use-prediction";

/** YES or NO, how probable, why, and how long it took. */
export function Answer({ answer, manifest }: { answer: Given; manifest: Schemas["Manifest"] | undefined }) {
  const yes = answer.label === "YES";
  return (
    <>
      <Gauge probability={answer.probability} threshold={manifest?.threshold} />
      <p className="mt-3 flex items-center justify-center gap-3" aria-live="polite" data-testid="label">
        <span
          className={clsx(
            "rounded-full px-4 py-1 text-lg font-semibold",
            yes ? "bg-good-soft text-good" : "bg-sunken text-muted",
          )}
        >
          {answer.label}
        </span>
        <span className="text-sm text-muted">{manifest ? `YES from ${asPercent(manifest.threshold)} on` : null}</span>
      </p>
      {answer.unknown && answer.unknown.length > 0 ? (
        <div className="mt-4">
          <Notice kind="warn">Unknown to this model: {answer.unknown.join(", ")}</Notice>
        </div>
      ) : null}
      <h3 className="mt-6 mb-3 text-sm font-semibold">Why, against the usual session</h3>
      <Reasons reasons={answer.reasons ?? []} />
      <dl className="mt-6 grid grid-cols-2 gap-4 border-t border-line pt-4 text-sm">
        <div>
          <dt className="text-muted">Inference</dt>
          <dd className="font-medium tabular-nums">{asNumber(answer.inference_latency_ms, 2)} ms</dd>
        </div>
        <div>
          <dt className="text-muted">Total</dt>
          <dd className="font-medium tabular-nums">{asNumber(answer.total_latency_ms, 2)} ms</dd>
        </div>
        <div className="col-span-2 min-w-0">
          <dt className="text-muted">Model</dt>
          <dd className="font-medium break-all">{answer.model}</dd>
        </div>
      </dl>
    </>
  );
}
