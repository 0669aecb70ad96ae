"use client";

import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { call, type Schemas } from "@/api/client";

import type { ChosenPeriod } from "./use-period";
import type { Dimension } from "./words";

export interface PeriodQuery {
  site: string;
  from: string;
  to?: string;
}

/** One answer of the overview; `query` says which. */
function useAnswer<T>(
  name: string,
  query: object,
  ask: () => Promise<{ data?: T }>,
  enabled = true,
): UseQueryResult<T, Error> {
  return useQuery<T>({
    queryKey: ["overview", name, query],
    queryFn: async () => (await ask()).data as T,
    enabled,
  });
}

/** What the page asks for: the period's answers, and those of the period beside it once the summary names it. */
export function useOverview(site: string, period: ChosenPeriod) {
  const query: PeriodQuery = { site, ...period.range };
  const compared = { ...query, ...period.beside };
  const spans = { ...compared, by: period.by };
  const pages = { ...query, limit: MOST_PAGES };
  const summary = useAnswer<Schemas["Summary"]>("summary", compared, () =>
    call.GET("/admin/overview/summary", { params: { query: compared } }),
  );
  const other = besideOf(site, summary.data);
  return {
    query,
    summary,
    series: useAnswer<Schemas["Series"]>("series", spans, () =>
      call.GET("/admin/overview/series", { params: { query: spans } }),
    ),
    funnel: useFunnel(query),
    otherFunnel: useFunnel(other),
    carts: useCarts(query),
    otherCarts: useCarts(other),
    bands: useAnswer<Schemas["Bands"]>("bands", query, () => call.GET("/admin/overview/bands", { params: { query } })),
    calibration: useAnswer<Schemas["Calibration"]>("calibration", query, () =>
      call.GET("/admin/overview/calibration", { params: { query } }),
    ),
    pages: useAnswer<Schemas["TopPages"]>("pages", pages, () =>
      call.GET("/admin/overview/pages", { params: { query: pages } }),
    ),
  };
}

export function useSegments(period: PeriodQuery, dimension: Dimension) {
  const query = { ...period, dimension };
  return useAnswer<Schemas["Segments"]>("segments", query, () =>
    call.GET("/admin/overview/segments", { params: { query } }),
  );
}

function useFunnel(period: PeriodQuery | undefined) {
  const query = period ?? NONE;
  const ask = () => call.GET("/admin/overview/funnel", { params: { query } });
  return useAnswer<Schemas["Funnel"]>("funnel", query, ask, period !== undefined);
}

function useCarts(period: PeriodQuery | undefined) {
  const query = period ?? NONE;
  const ask = () => call.GET("/admin/overview/carts", { params: { query } });
  return useAnswer<Schemas["Carts"]>("carts", query, ask, period !== undefined);
}

/** Pages that the page lists. */
const MOST_PAGES = 25;
/** Of a period that is not asked for. */
const NONE: PeriodQuery = { site: "", from: "" };

function besideOf(site: string, summary: Schemas["Summary"] | undefined): PeriodQuery | undefined {
  const period = summary?.compared?.period;
  if (!period) return undefined;
  return { site, from: new Date(period.since).toISOString(), to: new Date(period.until).toISOString() };
}
