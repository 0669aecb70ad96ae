/** What the page reads of sites and keys, and what is read again after a change. */

import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { api, type Schemas } from "@/api/client";

export type Site = NonNullable<ReturnType<typeof useSites>["data"]>["sites"][number];
export type Arrival = Schemas["SiteArrivals"];
export type SiteKeyKind = Schemas["SiteKeyRequest"]["kind"];

/** Milliseconds between two looks while the first event is waited for, and after it. */
const WAITING = 2_000;
const RECEIVED = 10_000;
/** Running parts take a change of sites and keys within a second. */
const TAKEN = 1_500;

export function useSites() {
  return api.useQuery("get", "/sites");
}

export function useKeys() {
  return api.useQuery("get", "/keys");
}

/** When events of this site came; null while none has. */
export function useArrival(site: string) {
  return api.useQuery(
    "get",
    "/sites/arrivals",
    { params: { query: { site } } },
    {
      select: (found) => found.sites[0] ?? null,
      refetchInterval: (query) => (query.state.data?.sites.length ? RECEIVED : WAITING),
    },
  );
}

export function useArrivals() {
  return api.useQuery("get", "/sites/arrivals", {}, { refetchInterval: RECEIVED });
}

/** Reads sites, keys and tags again, and who may see which site as soon as that has changed, too. */
export function useReload(): () => void {
  const client = useQueryClient();
  return useCallback(() => {
    const paths = new Set(["/sites", "/keys", "/sites/{site}/tag"]);
    void client.invalidateQueries({ predicate: ({ queryKey }) => paths.has(String(queryKey[1])) });
    window.setTimeout(() => void client.invalidateQueries({ queryKey: ["sign-in"] }), TAKEN);
  }, [client]);
}
