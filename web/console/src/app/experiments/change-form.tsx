"use client";

import { type FormEvent, useState } from "react";

import { api } from "@/api/client";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/form";
import { Notice } from "@/components/states";

import { type Experiment, useReload } from "./queries";

export type Change = "start" | "grow" | "stop" | "discard";

const WORDS: Record<Change, { says: string; button: string }> = {
  start: {
    says: "Sessions that open from here on are in its arms. What is started cannot be changed, except that arms grow.",
    button: "Start it",
  },
  grow: {
    says: "Who is in an arm stays in it. Grow all arms by the same factor: else only those who were in it from the start are read.",
    button: "Grow it",
  },
  stop: { says: "It ends for good, for open sessions too. Another one needs another name.", button: "Stop it" },
  discard: { says: "The draft goes. Nothing that runs is touched.", button: "Drop it" },
};

/** Says what a change does, and does it when it is confirmed. */
export function ChangeForm({
  experiment,
  change,
  onDone,
  onCancel,
}: {
  experiment: Experiment;
  change: Change;
  onDone: () => void;
  onCancel: () => void;
}) {
  const reload = useReload();
  const [shares, setShares] = useState(() => experiment.arms.map(({ share }) => String(share)));
  const options = {
    onSuccess: () => {
      reload();
      onDone();
    },
  };
  const start = api.useMutation("post", "/experiments/{name}/start", options);
  const grow = api.useMutation("post", "/experiments/{name}/grow", options);
  const stop = api.useMutation("post", "/experiments/{name}/stop", options);
  const discard = api.useMutation("delete", "/experiments/{name}", options);
  const mutations = { start, grow, stop, discard };
  const params = { path: { name: experiment.name } };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (change === "grow") {
      const wanted = experiment.arms.map(({ name }, place) => [name, Number(shares[place])] as const);
      grow.mutate({ params, body: { shares: Object.fromEntries(wanted) } });
    } else mutations[change].mutate({ params });
  };
  const { error, isPending } = mutations[change];
  return (
    <form onSubmit={submit} className="space-y-4">
      <p className="text-sm">{WORDS[change].says}</p>
      {change === "grow"
        ? experiment.arms.map(({ name, share }, place) => (
            <Field key={name} label={`${name}, percent`}>
              {(ids) => (
                <Input
                  {...ids}
                  type="number"
                  required
                  min={share}
                  max="100"
                  step="0.01"
                  value={shares[place]}
                  onChange={(event) => setShares(shares.with(place, event.target.value))}
                  className="w-full"
                />
              )}
            </Field>
          ))
        : null}
      {error ? <Notice kind="bad">{error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onCancel}>Cancel</Button>
        <Button
          type="submit"
          look={change === "start" || change === "grow" ? "primary" : "danger"}
          disabled={isPending}
        >
          {WORDS[change].button}
        </Button>
      </div>
    </form>
  );
}
