"use client";

import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { call, type Schemas } from "@/api/client";

import type { Session } from "./fields";
import { useSettled } from "./use-session";

export type Answer = Schemas["Prediction"] & { model: string };

/** The live answer: asked again whenever the form has stood still for a tenth of a second. */
export function usePrediction(session: Session, model: string) {
  const settled = useSettled(session, 100);
  return useQuery({
    queryKey: ["predict", model, settled],
    queryFn: async (): Promise<Answer> => {
      const { data, response } = await call.POST("/predict", {
        body: settled as Schemas["PredictionRequest"],
        params: { query: { reasons: "all", ...(model ? { model } : {}) } },
      });
      return { ...(data as Schemas["Prediction"]), model: response.headers.get("X-OPECOM-Model") ?? "" };
    },
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    gcTime: 30_000,
  });
}

export function useModels() {
  return useQuery({
    queryKey: ["models"],
    queryFn: async () => (await call.GET("/models")).data as Schemas["ModelList"],
  });
}
