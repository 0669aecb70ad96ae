/** What the page reads of experiments, and how it asks again. */

import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { api, type Schemas } from "@/api/client";

export type Experiment = Schemas["ExperimentView"];
export type Results = Schemas["ExperimentResults"];
export type Report = Schemas["ExperimentReport"];
export type Effect = Schemas["MetricEffect"];
export type Metric = Effect["metric"];

export const METRICS: Record<Metric, string> = {
  conversion: "Conversion",
  session_conversion: "Conversion of sessions",
  revenue_per_visitor: "Revenue per visitor",
};

export function useExperiments(site: string) {
  return api.useQuery("get", "/experiments", { params: { query: site ? { site } : {} } });
}

export function useResults(name: string, segments: string) {
  return api.useQuery(
    "get",
    "/experiments/{name}/results",
    { params: { path: { name }, query: segments ? { segments } : {} } },
    { retry: false, staleTime: 60_000 },
  );
}

export function useReload(): () => void {
  const client = useQueryClient();
  return useCallback(() => {
    void client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[1]).startsWith("/experiments") });
  }, [client]);
}

/** What an arm does, in words. */
export function doesWhat(kind: Experiment["kind"], arm: Experiment["arms"][number]): string {
  if (kind === "model") return arm.model || "the model in force";
  return arm.acts ? "acts" : "holds back";
}
