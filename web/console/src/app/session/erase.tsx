"use client";

import { useState } from "react";

import { api } from "@/api/client";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { Input } from "@/components/form";
import { Notice } from "@/components/states";

/** Forgets the visitor everywhere; it cannot be undone, so the visitor's id is typed first. */
export function EraseVisitor({ site, visitor }: { site: string; visitor: string }) {
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const erase = api.useMutation("delete", "/admin/visitors/{visitor_id}");
  const params = { params: { path: { visitor_id: visitor }, query: { site } } };
  const state = api.useQuery("get", "/admin/visitors/{visitor_id}/erasure", params, {
    enabled: erase.isSuccess,
    refetchInterval: (query) => (query.state.data?.state === "done" ? false : 1_000),
  });
  return (
    <>
      <Button look="danger" onClick={() => setOpen(true)}>
        Erase this visitor
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title="Erase this visitor">
        {erase.isSuccess ? (
          <Notice kind="good">
            The erasure is {state.data?.state === "done" ? "done" : "under way"}. Nothing of this visitor will be found
            any more, in the log neither; what comes late is dropped.
          </Notice>
        ) : (
          <form
            className="space-y-4"
            onSubmit={(event) => {
              event.preventDefault();
              erase.mutate(params);
            }}
          >
            <p className="text-muted">
              All sessions, pages, scores and deliveries of <b className="break-all text-ink">{visitor}</b> on {site}{" "}
              go, on every shop page of the past and to come. This cannot be undone.
            </p>
            <label className="block">
              <span className="mb-1 block text-sm font-medium">Type the visitor&rsquo;s id to go on</span>
              <Input className="w-full font-mono" value={typed} onChange={(event) => setTyped(event.target.value)} />
            </label>
            {erase.error ? <Notice kind="bad">{erase.error.reason}</Notice> : null}
            <div className="flex justify-end gap-3">
              <Button onClick={() => setOpen(false)}>Cancel</Button>
              <Button type="submit" look="danger" disabled={typed !== visitor || erase.isPending}>
                Erase
              </Button>
            </div>
          </form>
        )}
      </Dialog>
    </>
  );
}
