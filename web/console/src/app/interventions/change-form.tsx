"use client";

import type { FormEvent } from "react";

import { api } from "@/api/client";
import { Button } from "@/components/button";
import { Notice } from "@/components/states";

import { useReload } from "./queries";

export type Change = "start" | "stop" | "discard";

const WORDS: Record<Change, { says: string; button: string }> = {
  start: {
    says: "It acts on sessions that open from here on. What runs cannot be changed: stop it and make another one.",
    button: "Start it",
  },
  stop: { says: "It ends for good, for open sessions too. Another one needs another name.", button: "Stop it" },
  discard: { says: "The draft goes. Nothing that runs is touched.", button: "Drop it" },
};

/** Says what a change does, and does it when it is confirmed. */
export function ChangeForm({
  name,
  change,
  onDone,
  onCancel,
}: {
  name: string;
  change: Change;
  onDone: (notices: string[]) => void;
  onCancel: () => void;
}) {
  const reload = useReload();
  const done = (notices: string[]) => {
    reload();
    onDone(notices);
  };
  const start = api.useMutation("post", "/interventions/{name}/start", { onSuccess: ({ notices }) => done(notices) });
  const stop = api.useMutation("post", "/interventions/{name}/stop", { onSuccess: ({ notices }) => done(notices) });
  const discard = api.useMutation("delete", "/interventions/{name}", { onSuccess: () => done([]) });
  const mutations = { start, stop, discard };
  const { error, isPending } = mutations[change];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    mutations[change].mutate({ params: { path: { name } } });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <p className="text-sm">{WORDS[change].says}</p>
      {error ? <Notice kind="bad">{error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look={change === "start" ? "primary" : "danger"} disabled={isPending}>
          {WORDS[change].button}
        </Button>
      </div>
    </form>
  );
}
