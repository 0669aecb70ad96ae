/** Which site the pages show: the query string has it, so that a link carries it. */

"use client";

import { usePathname, useSearchParams } from "next/navigation";
import { useCallback } from "react";

import { type Site, useSignIn } from "./sign-in";

/** The chosen site, undefined: all; and how another is chosen. */
export function useSite(): { site: Site | undefined; sites: Site[]; choose: (name: string) => void } {
  const sites = useSignIn().data?.sites ?? NONE;
  const { get, set } = useQueryString();
  const wanted = get("site");
  const choose = useCallback((name: string) => set({ site: name }), [set]);
  return { site: sites.find((each) => each.name === wanted), sites, choose };
}

const NONE: Site[] = [];

/** Parameters of the page's address: reads one, and sets some (empty: left out) without a new entry in the history. */
export function useQueryString(): { get: (name: string) => string; set: (values: Record<string, string>) => void } {
  const params = useSearchParams();
  const path = usePathname();
  const get = useCallback((name: string) => params.get(name) ?? "", [params]);
  const set = useCallback(
    (values: Record<string, string>) => {
      const next = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(values)) {
        if (value) next.set(name, value);
        else next.delete(name);
      }
      const query = next.toString();
      // At once, and not by the router: a second change that follows directly must find the first in the address.
      window.history.replaceState(null, "", query ? `${path}?${query}` : path);
    },
    [path],
  );
  return { get, set };
}
