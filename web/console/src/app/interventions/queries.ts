/** What the page reads of interventions and of their trials, and how it asks again. */

import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { api, type Schemas } from "@/api/client";

export type Intervention = Schemas["InterventionView"];
export type InterventionRequest = Schemas["InterventionRequest"];
export type Trial = Schemas["TrialReport"];
export type Job = Schemas["Job"];

/** Milliseconds between two looks at the counts of one that runs, and at a trial. Each look is a line of the audit trail. */
const COUNTS = 10_000;
const TRIAL = 1_000;

export const ACTIONS: Record<Intervention["action"], string> = {
  webhook: "the site's webhooks",
  page: "the page of the session",
};

export function useInterventions(site: string) {
  return api.useQuery("get", "/interventions", { params: { query: site ? { site } : {} } });
}

/** One with its counts, which the list has not. */
export function useIntervention(name: string) {
  return api.useQuery(
    "get",
    "/interventions/{name}",
    { params: { path: { name } } },
    {
      enabled: name !== "",
      retry: false,
      refetchInterval: (query) => (query.state.data?.status === "running" ? COUNTS : false),
    },
  );
}

/** A trial, looked at until its end. */
export function useTrial(job: number) {
  return api.useQuery(
    "get",
    "/replays/{job}",
    { params: { path: { job } } },
    {
      enabled: job > 0,
      // The client reads pairs of the document as lists.
      select: (found) => found as Job,
      retry: false,
      refetchInterval: (query) => (query.state.data?.state === "running" ? TRIAL : false),
    },
  );
}

export function useReload(): () => void {
  const client = useQueryClient();
  return useCallback(() => {
    void client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[1]).startsWith("/interventions") });
  }, [client]);
}

/** The rule alone, as POST /interventions takes it. */
export function ruleOf(found: Intervention): InterventionRequest {
  const { name, site, when, action, payload, priority, visitor_cap, visitor_cooldown_seconds, quiet, experiment } =
    found;
  return { name, site, when, action, payload, priority, visitor_cap, visitor_cooldown_seconds, quiet, experiment };
}
