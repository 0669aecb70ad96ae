"use client";

import { useState } from "react";

import { api } from "@/api/client";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { Notice } from "@/components/states";

import { type Site, type SiteKeyKind, useReload } from "./queries";
import { ShownOnce } from "./shown-once";

const KINDS: { kind: SiteKeyKind; label: string; use: string }[] = [
  { kind: "write", label: "Write keys", use: "Public; stands in the tag." },
  { kind: "purchase", label: "Purchase secrets", use: "With which the shop's server signs orders, which then count." },
  { kind: "import", label: "Import keys", use: "For a server that sends the shop's history." },
];

/** The keys of a site by kind: made beside the old ones, which end when nobody uses them any more. */
export function SiteKeys({ site, canChange }: { site: Site; canChange: boolean }) {
  const reload = useReload();
  const [shown, setShown] = useState("");
  const path = { site: site.name };
  const make = api.useMutation("post", "/sites/{site}/keys", {
    onSuccess: ({ kind, key }) => {
      reload();
      if (kind !== "write") setShown(key);
    },
  });
  const retire = api.useMutation("delete", "/sites/{site}/keys/{kind}", { onSuccess: reload });
  const error = make.error ?? retire.error;
  const counts: Record<SiteKeyKind, number> = {
    write: site.write_keys.length,
    purchase: site.purchase_secrets,
    import: site.import_keys,
  };
  return (
    <>
      <ul className="divide-y divide-line rounded-lg border border-line">
        {KINDS.map(({ kind, label, use }) => (
          <li key={kind} className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
            <div className="min-w-0">
              <p className="font-medium">
                {label} <span className="ml-1 text-sm font-normal text-muted tabular-nums">{counts[kind]}</span>
              </p>
              <p className="text-sm text-muted">{use}</p>
              {kind === "write"
                ? site.write_keys.map((key) => (
                    <p key={key} className="mt-1 font-mono text-xs break-all">
                      {key}
                    </p>
                  ))
                : null}
            </div>
            <div className="flex flex-wrap gap-2">
              <Button
                icon="key"
                disabled={!canChange || make.isPending}
                onClick={() => make.mutate({ params: { path }, body: { kind } })}
              >
                {counts[kind] ? "Make another" : "Make one"}
              </Button>
              {counts[kind] > 1 ? (
                <Button
                  look="danger"
                  disabled={!canChange || retire.isPending}
                  onClick={() => retire.mutate({ params: { path: { ...path, kind } } })}
                >
                  End the old ones
                </Button>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
      {error ? (
        <div className="mt-3">
          <Notice kind="bad">{error.reason}</Notice>
        </div>
      ) : null}
      <Dialog open={shown !== ""} onClose={() => setShown("")} title="Take this key along">
        <ShownOnce secret={shown} onDone={() => setShown("")} />
      </Dialog>
    </>
  );
}
