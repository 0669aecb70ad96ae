"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { call, type Schemas } from "@/api/client";
import { Button } from "@/components/button";
import { asDuration, asNumber, asPercent } from "@/components/format";
import { Loaded } from "@/components/states";

import { type Crossing, crossings, variants } from "./crossing";
import type { FormField, Session } from "./fields";
import { useSettled } from "./use-session";

/** The smallest change of each feature alone that would turn the answer, which a click makes. */
export function CrossingList({
  session,
  model,
  label,
  change,
}: {
  session: Session;
  model: string;
  label: string;
  change: (changed: Partial<Session>) => void;
}) {
  const settled = useSettled(session, 400);
  const query = useQuery({
    queryKey: ["crossing", model, label, settled],
    queryFn: async () => {
      const tried = variants(settled);
      const { data } = await call.POST("/predict/batch", {
        body: tried.map((variant) => variant.session) as Schemas["PredictionRequest"][],
        params: { query: model ? { model } : {} },
      });
      return crossings(tried, data as Schemas["BatchPrediction"][], label);
    },
    placeholderData: keepPreviousData,
    gcTime: 30_000,
  });
  return (
    <Loaded query={query} what="what would change the answer">
      {(found) =>
        found.length === 0 ? (
          <p className="text-sm text-muted">No single feature turns this answer; two or more together may.</p>
        ) : (
          <ul className="divide-y divide-line">
            {found.map((crossing) => (
              <CrossingRow key={crossing.field.name} crossing={crossing} session={session} change={change} />
            ))}
          </ul>
        )
      }
    </Loaded>
  );
}

function CrossingRow({
  crossing,
  session,
  change,
}: {
  crossing: Crossing;
  session: Session;
  change: (changed: Partial<Session>) => void;
}) {
  const { field, value, probability } = crossing;
  const before = session[field.name];
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 py-2 text-sm">
      <span>
        <span className="font-medium">{field.label}</span>{" "}
        <span className="text-muted">
          {written(field, before)} → <b className="font-medium text-ink">{written(field, value)}</b>
        </span>
      </span>
      <span className="flex items-center gap-3">
        <span className="tabular-nums">{asPercent(probability)}</span>
        <Button look="quiet" className="h-7 px-2" onClick={() => change({ [field.name]: value })}>
          Try<span className="sr-only"> {field.label}</span>
        </Button>
      </span>
    </li>
  );
}

function written(field: FormField, value: string | number | boolean | null): string {
  if (field.kind === "switch") return value ? "yes" : "no";
  if (field.kind === "choice") return field.words[field.choices.indexOf(String(value))] ?? String(value);
  if (field.kind === "seconds") return asDuration(Number(value));
  if (field.kind === "rate") return asPercent(Number(value));
  return asNumber(Number(value));
}
