"use client";

import clsx from "clsx";
import { useState } from "react";

import { api } from "@/api/client";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { asTime } from "@/components/format";
import { Notice } from "@/components/states";

import { type Arrival, type Site, useArrivals, useReload } from "./queries";
import { SiteForm } from "./site-form";

/** The sites with what came of them; one is chosen, others are made, changed and removed. */
export function SitesStep({
  sites,
  chosen,
  onChoose,
  canChange,
}: {
  sites: Site[];
  chosen: string;
  onChoose: (name: string) => void;
  canChange: boolean;
}) {
  const arrivals = useArrivals().data?.sites ?? [];
  const [form, setForm] = useState<"new" | "change" | "remove" | "">("");
  const [notices, setNotices] = useState<string[]>([]);
  const site = sites.find(({ name }) => name === chosen);
  const close = () => setForm("");
  return (
    <>
      <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3" aria-label="Sites">
        {sites.map((each) => (
          <li key={each.name}>
            <SiteChoice
              site={each}
              arrival={arrivals.find(({ site: name }) => name === each.name)}
              isChosen={each.name === chosen}
              onChoose={() => onChoose(each.name)}
            />
          </li>
        ))}
      </ul>
      <div className="mt-4 flex flex-wrap gap-3">
        <Button look="primary" disabled={!canChange} onClick={() => setForm("new")}>
          Add a site
        </Button>
        {site ? (
          <>
            <Button disabled={!canChange} onClick={() => setForm("change")}>
              Change {site.name}
            </Button>
            <Button
              look="danger"
              disabled={!canChange || !site.kept_in.includes("file")}
              onClick={() => setForm("remove")}
            >
              Remove {site.name}
            </Button>
          </>
        ) : null}
      </div>
      {notices.length ? (
        <div className="mt-4">
          <Notice kind="warn">{notices.join(". ")}.</Notice>
        </div>
      ) : null}
      <Dialog
        open={form === "new" || form === "change"}
        onClose={close}
        title={form === "new" ? "Add a site" : `Change ${chosen}`}
      >
        <SiteForm
          {...(form === "change" && site ? { site } : {})}
          onCancel={close}
          onDone={(name, lines) => {
            setNotices(lines);
            onChoose(name);
            close();
          }}
        />
      </Dialog>
      <Dialog open={form === "remove"} onClose={close} title={`Remove ${chosen}?`}>
        <RemoveSite name={chosen} onDone={close} />
      </Dialog>
    </>
  );
}

function SiteChoice({
  site,
  arrival,
  isChosen,
  onChoose,
}: {
  site: Site;
  arrival: Arrival | undefined;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const zone = site.fields.timezone ?? "UTC";
  return (
    <button
      type="button"
      aria-pressed={isChosen}
      onClick={onChoose}
      className={clsx(
        "h-full w-full rounded-lg border px-4 py-3 text-left",
        isChosen ? "border-lapis bg-lapis-soft" : "border-line bg-card hover:bg-sunken",
      )}
    >
      <span className="flex items-baseline justify-between gap-3">
        <span className="truncate font-medium">{site.name}</span>
        <span className="shrink-0 text-xs text-muted">{zone}</span>
      </span>
      <span className="mt-0.5 block truncate text-sm text-muted">
        {site.fields.origins?.length ? site.fields.origins.join(", ") : "pages of this machine alone"}
      </span>
      <span className={clsx("mt-1.5 block text-xs", arrival ? "text-good" : "text-muted")}>
        {arrival ? `Newest event ${asTime(arrival.newest_at, zone)}` : "No event yet"}
      </span>
    </button>
  );
}

function RemoveSite({ name, onDone }: { name: string; onDone: () => void }) {
  const reload = useReload();
  const remove = api.useMutation("delete", "/sites/{site}", {
    onSuccess: () => {
      reload();
      onDone();
    },
  });
  return (
    <div className="space-y-4">
      <p className="text-muted">Its keys end, and events that come with them are refused. What it sent so far stays.</p>
      {remove.error ? <Notice kind="bad">{remove.error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onDone}>Keep it</Button>
        <Button
          look="danger"
          disabled={remove.isPending}
          onClick={() => remove.mutate({ params: { path: { site: name } } })}
        >
          Remove
        </Button>
      </div>
    </div>
  );
}
