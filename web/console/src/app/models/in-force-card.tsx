"use client";

import { useState } from "react";

import { api } from "@/api/client";
import { useSignIn } from "@/api/sign-in";
import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Dialog } from "@/components/dialog";
import { asTime } from "@/components/format";
import { Notice } from "@/components/states";

import { GateBadge } from "./gate-badge";
import { type InForce, type Registry, useReload } from "./queries";

/** Which version scores which site, since when, and the way back. */
export function InForceCard({ registry, zone }: { registry: Registry; zone: string }) {
  const [site, setSite] = useState<string | null>(null);
  const mayAll = useSignIn().data?.all_sites ?? false;
  const close = () => setSite(null);
  return (
    <Card title="In force" note="What scores the next event of each site.">
      <ul className="divide-y divide-line">
        {registry.in_force.map((each) => (
          <li
            key={each.site}
            className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 py-3 first:pt-0 last:pb-0"
          >
            <div className="min-w-0">
              <p className="text-sm text-muted">{named(each.site)}</p>
              <p className="font-medium break-all">{each.version}</p>
              <p className="text-sm text-muted tabular-nums">
                {each.since ? `Since ${asTime(Date.parse(each.since), zone)}` : "From the beginning"}
              </p>
              <Refusals refusals={each.refusals ?? []} />
            </div>
            <div className="flex items-center gap-3">
              <GateBadge gate={each.gate ?? "none"} since={each.since ?? null} />
              {isPromoted(registry, each) ? (
                <Button disabled={!each.site && !mayAll} onClick={() => setSite(each.site)}>
                  Roll back
                </Button>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
      <Dialog open={site !== null} onClose={close} title={`Roll back ${named(site ?? "").toLowerCase()}?`}>
        <RollBack site={site ?? ""} onDone={close} />
      </Dialog>
    </Card>
  );
}

export function named(site: string): string {
  return site ? `Site ${site}` : "All sites without a model of their own";
}

function Refusals({ refusals }: { refusals: readonly string[] }) {
  if (refusals.length === 0) return null;
  return (
    <details className="mt-1 text-sm">
      <summary className="w-fit text-gold">What the gate found against it</summary>
      <ul className="mt-1 list-disc pl-5 text-muted">
        {refusals.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </details>
  );
}

/** Whether a promotion can be taken back. */
function isPromoted({ history }: Registry, { site, version }: InForce): boolean {
  return history.some((each) => (each.site ?? "") === site && each.version === version);
}

function RollBack({ site, onDone }: { site: string; onDone: () => void }) {
  const reload = useReload();
  const { set } = useQueryString();
  const back = api.useMutation("post", "/promotions/rollback", {
    onSuccess: ({ id }) => {
      reload();
      set({ job: String(id) });
      onDone();
    },
  });
  return (
    <div className="space-y-4">
      <p className="text-muted">
        The version that was in force before the last promotion scores every event from then on.
      </p>
      {back.error ? <Notice kind="bad">{back.error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onDone}>Cancel</Button>
        <Button look="danger" disabled={back.isPending} onClick={() => back.mutate({ body: { site } })}>
          Roll back
        </Button>
      </div>
    </div>
  );
}
