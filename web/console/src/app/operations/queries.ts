/** What the tabs ask the query API, and under which names the answers are kept. */

import { useQuery } from "@tanstack/react-query";

import { call, type Schemas } from "@/api/client";

/** First parts of the keys under which answers are kept: what a change makes old. */
export const KEYS = {
  letters: "dead-letters",
  letter: "dead-letter",
  jobs: "replays",
  webhooks: "webhooks",
  deliveries: "webhook-deliveries",
} as const;

/** Asks again every so often while there is an answer; a refusal stays one. */
export function every(seconds: number) {
  return (query: { state: { error: unknown } }) => (query.state.error ? false : seconds * 1_000);
}

export function useHealth() {
  return useQuery<Schemas["HealthReport"], Error>({
    queryKey: ["health"],
    refetchInterval: every(20),
    queryFn: async () => (await call.GET("/health/parts")).data as Schemas["HealthReport"],
  });
}

export function useLag() {
  return useQuery<Schemas["LagReport"], Error>({
    queryKey: ["lag"],
    refetchInterval: every(10),
    queryFn: async () => (await call.GET("/health/lag")).data as Schemas["LagReport"],
  });
}

export function useLetter(letter: string) {
  return useQuery({
    queryKey: [KEYS.letter, letter],
    queryFn: async () => {
      const { data } = await call.GET("/dead-letters/{letter}", { params: { path: { letter } } });
      return data as Schemas["WholeDeadLetter"];
    },
  });
}

export function useJobs() {
  return useQuery<Schemas["JobList"], Error>({
    queryKey: [KEYS.jobs],
    refetchInterval: (query) => {
      const isRunning = query.state.data?.jobs.some(({ state }) => state === "running");
      return every(isRunning ? 2 : 15)(query);
    },
    queryFn: async () => (await call.GET("/replays")).data as Schemas["JobList"],
  });
}

export function useWebhooks() {
  return useQuery({
    queryKey: [KEYS.webhooks],
    queryFn: async () => (await call.GET("/webhooks")).data as Schemas["WebhookList"],
  });
}
