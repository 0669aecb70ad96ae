import { useSite } from "@/api/site";

/** The time zone of the chosen site; of all sites, that of the only one, else the reader's. */
export function useZone(): string {
  const { site, sites } = useSite();
  const only = sites.length === 1 ? sites[0] : undefined;
  return (site ?? only)?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}
