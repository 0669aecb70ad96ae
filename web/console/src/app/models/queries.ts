/** What the page reads of the registry, of promotions, of the learner and of drift. */

import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { api, type Schemas } from "@/api/client";

export type Registry = NonNullable<ReturnType<typeof useRegistry>["data"]>;
export type Model = Registry["models"][number];
export type InForce = Registry["in_force"][number];
export type Job = Schemas["PromotionJob"];
export type Run = Schemas["LearnerRun"];

/** Milliseconds between two looks at a job that runs. */
const LOOK = 1_000;

export function isUnderWay(state: Job["state"] | undefined): boolean {
  return state === "judging" || state === "promoting";
}

export function useRegistry() {
  return api.useQuery("get", "/registry");
}

export function useJobs() {
  return api.useQuery("get", "/promotions");
}

/** A promotion or roll-back, looked at until its end. */
export function useJob(id: number) {
  return api.useQuery(
    "get",
    "/promotions/{job}",
    { params: { path: { job: id } } },
    { enabled: id > 0, refetchInterval: (query) => (isUnderWay(query.state.data?.state) ? LOOK : false) },
  );
}

export function useLearning(site: string) {
  return api.useQuery("get", "/learning", { params: { query: { ...(site ? { site } : {}), limit: 20 } } });
}

export function useDrift(site: string) {
  return api.useQuery(
    "get",
    "/admin/drift",
    { params: { query: { site } } },
    // The route answers a page, too, where one is asked for.
    { enabled: site !== "", retry: false, select: (found) => found as Schemas["SiteDrift"] },
  );
}

export function useReload(): () => void {
  const client = useQueryClient();
  return useCallback(() => {
    const paths = new Set(["/registry", "/promotions", "/promotions/{job}"]);
    void client.invalidateQueries({ predicate: ({ queryKey }) => paths.has(String(queryKey[1])) });
  }, [client]);
}
