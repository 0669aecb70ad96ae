"use client";

import { Card, Stat } from "@/components/card";
import { asCount, asPercent } from "@/components/format";
import { Loaded } from "@/components/states";

import { type Intervention, useIntervention } from "./queries";

/** How often one fired, what became of it, and what pages said of it. */
export function CountsCard({ name }: { name: string }) {
  const query = useIntervention(name);
  return (
    <Card title="What became of it" note="In sessions; each counts once. Rows are kept for 180 days.">
      <Loaded query={query} what="the counts">
        {(found) => <Counts found={found} />}
      </Loaded>
    </Card>
  );
}

function Counts({ found }: { found: Intervention }) {
  const delivered = found.delivered ?? 0;
  const ofDelivered = (count: number | null | undefined) =>
    delivered ? `${asPercent((count ?? 0) / delivered)} of what was delivered` : undefined;
  return (
    <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
      <Stat label="Delivered" value={asCount(found.delivered)} />
      <Stat label="Held back" value={asCount(found.held)} />
      <Stat label="Too many for the visitor" value={asCount(found.capped)} />
      <Stat label="Stopped before" value={asCount(found.stopped)} />
      {found.action === "page" ? (
        <>
          <Stat label="Shown" value={asCount(found.shown)} change={ofDelivered(found.shown)} />
          <Stat label="Dismissed" value={asCount(found.dismissed)} change={ofDelivered(found.dismissed)} />
          <Stat label="Clicked" value={asCount(found.clicked)} change={ofDelivered(found.clicked)} />
        </>
      ) : null}
    </div>
  );
}
