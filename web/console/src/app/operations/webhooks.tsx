"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Schemas } from "@/api/client";
import { useQueryString, useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { asTime } from "@/components/format";
import { Empty, Loaded, Notice } from "@/components/states";

import { AddWebhook } from "./add-webhook";
import { Badge } from "./badge";
import { Deliveries } from "./deliveries";
import { KEYS, useWebhooks } from "./queries";
import { useZone } from "./zone";

type Webhook = Schemas["WebhookView"];

/** Webhooks, and what was sent to them. */
export function Webhooks() {
  const query = useWebhooks();
  const { site } = useSite();
  const [adding, setAdding] = useState(false);
  return (
    <div className="space-y-6">
      <Card
        title="Webhooks"
        note="A signed request to your server when a session crosses into another band."
        actions={
          <Button look="primary" onClick={() => setAdding(true)}>
            Add a webhook
          </Button>
        }
      >
        <Loaded query={query} what="webhooks">
          {({ webhooks }) => <List webhooks={webhooks.filter((each) => !site || each.site === site.name)} />}
        </Loaded>
      </Card>
      <Deliveries />
      <AddWebhook open={adding} onClose={() => setAdding(false)} />
    </div>
  );
}

function List({ webhooks }: { webhooks: Webhook[] }) {
  if (webhooks.length === 0)
    return (
      <Empty title="No webhook yet">
        Add one with the address of your server. Its secret, by which your server knows our requests, is shown once.
      </Empty>
    );
  return (
    <ul className="divide-y divide-line">
      {webhooks.map((webhook) => (
        <Row key={webhook.id} webhook={webhook} />
      ))}
    </ul>
  );
}

function Row({ webhook }: { webhook: Webhook }) {
  const zone = useZone();
  const { set } = useQueryString();
  const client = useQueryClient();
  const onSettled = async () => {
    await Promise.all([KEYS.webhooks, KEYS.deliveries].map((key) => client.invalidateQueries({ queryKey: [key] })));
  };
  const test = api.useMutation("post", "/webhooks/{webhook}/test", { onSettled });
  const pause = api.useMutation("post", "/webhooks/{webhook}/pause", { onSettled });
  const enable = api.useMutation("post", "/webhooks/{webhook}/enable", { onSettled });
  const remove = api.useMutation("delete", "/webhooks/{webhook}", { onSettled });
  const [removing, setRemoving] = useState(false);
  const given = { params: { path: { webhook: webhook.id } } };
  const failed = [test, pause, enable, remove].find(({ error }) => error)?.error as unknown as Error | undefined;
  return (
    <li className="space-y-2 py-4 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <p className="font-medium wrap-anywhere">{webhook.url}</p>
          <p className="mt-0.5 text-sm text-muted">
            Site {webhook.site}, {webhook.on.length ? `on ${webhook.on.join(", ")}` : "every crossing"}, since{" "}
            {asTime(webhook.created_at, zone)}
          </p>
        </div>
        {webhook.disabled ? <Badge look="warn">not in use</Badge> : <Badge look="good">in use</Badge>}
      </div>
      {webhook.disabled ? <p className="text-sm text-muted">{webhook.disabled}</p> : null}
      <div className="flex flex-wrap gap-2">
        <Button className="h-8 px-2.5" disabled={Boolean(webhook.disabled)} onClick={() => test.mutate(given)}>
          Send a test
        </Button>
        <Button className="h-8 px-2.5" onClick={() => set({ webhook: webhook.id })}>
          Its deliveries
        </Button>
        {webhook.disabled ? (
          <Button className="h-8 px-2.5" icon="play" onClick={() => enable.mutate(given)}>
            Use again
          </Button>
        ) : (
          <Button className="h-8 px-2.5" icon="pause" onClick={() => pause.mutate(given)}>
            Pause
          </Button>
        )}
        <Button
          look="danger"
          className="h-8 px-2.5"
          onClick={() => (removing ? remove.mutate(given) : setRemoving(true))}
        >
          {removing ? "Yes, remove it" : "Remove"}
        </Button>
        {removing ? (
          <Button look="quiet" className="h-8 px-2.5" onClick={() => setRemoving(false)}>
            Keep it
          </Button>
        ) : null}
      </div>
      {test.data ? <Notice>A test is on its way: the deliveries below say what becomes of it.</Notice> : null}
      {failed ? <Notice kind="bad">{failed.message}</Notice> : null}
    </li>
  );
}
