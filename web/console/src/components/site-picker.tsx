"use client";

import { useSite } from "@/api/site";

import { Select } from "./form";

/** The site that the pages show; the address carries it. */
export function SitePicker() {
  const { site, sites, choose } = useSite();
  if (sites.length < 2) return sites[0] ? <p className="text-sm text-muted">Site {sites[0].name}</p> : null;
  return (
    <label className="flex items-center gap-2 text-sm text-muted">
      Site
      <Select value={site?.name ?? ""} onChange={(event) => choose(event.target.value)}>
        <option value="">All sites</option>
        {sites.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </Select>
    </label>
  );
}
