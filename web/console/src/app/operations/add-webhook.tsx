"use client";

import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { api, type Schemas } from "@/api/client";
import { useSite } from "@/api/site";
import { Button } from "@/components/button";
import { CopyButton } from "@/components/copy-button";
import { Dialog } from "@/components/dialog";
import { Field, Input, Select } from "@/components/form";
import { Notice } from "@/components/states";

import { KEYS } from "./queries";

type Wanted = Schemas["WebhookOrder"]["on"][number];

const EVENTS: { id: Wanted; label: string }[] = [
  { id: "high", label: "becomes high" },
  { id: "building", label: "becomes building" },
  { id: "low", label: "becomes low" },
  { id: "up", label: "rises" },
  { id: "down", label: "falls" },
];

/** Makes a webhook, then shows its secret, this once. */
export function AddWebhook({ open, onClose }: { open: boolean; onClose: () => void }) {
  const client = useQueryClient();
  const add = api.useMutation("post", "/webhooks", {
    onSuccess: () => client.invalidateQueries({ queryKey: [KEYS.webhooks] }),
  });
  const close = () => {
    add.reset();
    onClose();
  };
  return (
    <Dialog open={open} onClose={close} title={add.data ? "The webhook is made" : "Add a webhook"}>
      {add.data ? (
        <Made made={add.data} onClose={close} />
      ) : (
        <Form
          isPending={add.isPending}
          fault={(add.error as unknown as Error | null)?.message}
          onSubmit={(body) => add.mutate({ body })}
        />
      )}
    </Dialog>
  );
}

function Form({
  isPending,
  fault,
  onSubmit,
}: {
  isPending: boolean;
  fault: string | undefined;
  onSubmit: (order: Schemas["WebhookOrder"]) => void;
}) {
  const { site, sites } = useSite();
  const [url, setUrl] = useState("");
  const [of, setOf] = useState(site?.name ?? sites[0]?.name ?? "");
  const [on, setOn] = useState<Wanted[]>(["high"]);
  const [isPrivate, setPrivate] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit({ site: of, url, on, allow_private: isPrivate });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="Address of your server" error={fault}>
        {(ids) => (
          <Input
            {...ids}
            required
            type="url"
            className="w-full"
            placeholder="https://shop.example/opecom"
            value={url}
            onChange={(event) => setUrl(event.target.value)}
          />
        )}
      </Field>
      <Field label="Site">
        {(ids) => (
          <Select {...ids} required className="w-full" value={of} onChange={(event) => setOf(event.target.value)}>
            {sites.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </Select>
        )}
      </Field>
      <fieldset>
        <legend className="mb-1 text-sm font-medium">When a session</legend>
        <div className="flex flex-wrap gap-x-5 gap-y-1.5">
          {EVENTS.map(({ id, label }) => (
            <label key={id} className="flex items-center gap-2 text-sm">
              <input
                type="checkbox"
                className="accent-lapis"
                checked={on.includes(id)}
                onChange={(event) => setOn(event.target.checked ? [...on, id] : on.filter((each) => each !== id))}
              />
              {label}
            </label>
          ))}
        </div>
        <p className="mt-1 text-xs text-muted">With none of them every crossing is sent.</p>
      </fieldset>
      <label className="flex items-start gap-2 text-sm">
        <input
          type="checkbox"
          className="mt-1 accent-lapis"
          checked={isPrivate}
          onChange={(event) => setPrivate(event.target.checked)}
        />
        The server is in our own network (http is allowed then)
      </label>
      <Button type="submit" look="primary" disabled={isPending}>
        {isPending ? "Adding" : "Add"}
      </Button>
    </form>
  );
}

function Made({ made, onClose }: { made: Schemas["NewWebhook"]; onClose: () => void }) {
  return (
    <div className="space-y-4">
      <p className="text-sm text-muted">Your server checks our signature with this secret. It is not shown again.</p>
      <div className="flex flex-wrap items-center gap-2">
        <code className="rounded-md bg-sunken px-3 py-2 font-mono text-sm wrap-anywhere">{made.secret}</code>
        <CopyButton label="Copy" text={() => made.secret} />
      </div>
      {made.notice ? <Notice kind="warn">Look at the address: {made.notice}.</Notice> : null}
      <Button look="primary" onClick={onClose}>
        I have kept it
      </Button>
    </div>
  );
}
