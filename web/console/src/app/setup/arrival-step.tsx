"use client";

import Link from "next/link";

import { asTime } from "@/components/format";
import { Loaded } from "@/components/states";

import { type Site, useArrival } from "./queries";

/** Waits for the first event of a site, and says when it came. */
export function ArrivalStep({ site }: { site: Site }) {
  const arrival = useArrival(site.name);
  const zone = site.fields.timezone ?? "UTC";
  return (
    <Loaded query={arrival} what="the first event">
      {(found) => (
        <div role="status" className="rounded-lg border border-line px-4 py-3.5">
          {found ? (
            <>
              <p className="flex items-center gap-2.5 font-medium text-good">
                <Dot className="bg-good" />
                Received
              </p>
              <p className="mt-1 text-sm text-muted tabular-nums">
                First event {asTime(found.first_at, zone, true)}, newest {asTime(found.newest_at, zone, true)} ({zone}).{" "}
                <Link href={`/live/?site=${encodeURIComponent(site.name)}`} className="text-lapis underline">
                  See its sessions
                </Link>
              </p>
            </>
          ) : (
            <>
              <p className="flex items-center gap-2.5 font-medium">
                <Dot className="animate-pulse bg-gold-bright" />
                Waiting for the first event of {site.name}
              </p>
              <p className="mt-1 text-sm text-muted">{hint(site)}</p>
            </>
          )}
        </div>
      )}
    </Loaded>
  );
}

function Dot({ className }: { className: string }) {
  return <span aria-hidden="true" className={`size-2.5 rounded-full ${className}`} />;
}

function hint(site: Site): string {
  const from = site.fields.origins?.length
    ? `It is taken from ${site.fields.origins.join(", ")} alone.`
    : "It is taken from pages of this machine alone: add the shop's origin where its pages are elsewhere.";
  return `This page looks every two seconds. ${from}`;
}
