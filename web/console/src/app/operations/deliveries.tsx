"use client";

import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, call, type Schemas } from "@/api/client";
import { useQueryString, useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Field, Select } from "@/components/form";
import { asTime } from "@/components/format";
import { Empty, Loaded, Notice } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { Badge, type BadgeLook } from "./badge";
import { every, KEYS } from "./queries";
import { useZone } from "./zone";

type Delivery = Schemas["DeliveryView"];
type List = Schemas["DeliveryList"];

const STATES: Record<Delivery["state"], { label: string; look: BadgeLook }> = {
  due: { label: "waits", look: "busy" },
  delivered: { label: "delivered", look: "good" },
  dead: { label: "given up", look: "bad" },
  held: { label: "held back", look: "quiet" },
};
const KINDS: Record<string, string> = { "session.band": "crossing", "webhook.test": "test" };

/** What was sent to webhooks, is due, or was given up. */
export function Deliveries() {
  const { get, set } = useQueryString();
  const { site } = useSite();
  const zone = useZone();
  const client = useQueryClient();
  const state = get("state") as Delivery["state"] | "";
  const webhook = get("webhook");
  const query = useInfiniteQuery<List, Error, InfiniteData<List>, string[], string>({
    queryKey: [KEYS.deliveries, site?.name ?? "", state, webhook],
    initialPageParam: "",
    refetchInterval: (query) => {
      const isDue = query.state.data?.pages.some(({ deliveries }) => deliveries.some(({ state }) => state === "due"));
      return every(isDue ? 3 : 20)(query);
    },
    queryFn: async ({ pageParam }) => {
      const chosen = { ...(site ? { site: site.name } : {}), ...(state ? { state } : {}) };
      const { data } = await call.GET("/webhook-deliveries", {
        params: { query: { ...chosen, webhook, cursor: pageParam } },
      });
      return data as List;
    },
    getNextPageParam: (last) => last.next || undefined,
  });
  const { mutate, error } = api.useMutation("post", "/webhook-deliveries/{delivery}/send", {
    onSettled: () => client.invalidateQueries({ queryKey: [KEYS.deliveries] }),
  });
  const columns = useMemo(
    () => columnsFor(zone, (delivery) => mutate({ params: { path: { delivery } } })),
    [zone, mutate],
  );
  const rows = useMemo(() => query.data?.pages.flatMap(({ deliveries }) => deliveries) ?? NONE, [query.data]);
  return (
    <Card
      title="Deliveries"
      note="The newest first. One that was given up, or arrived and was lost, can be sent again; one that an experiment holds back never."
    >
      <div className="mb-4 flex flex-wrap items-end gap-4">
        <Field label="State">
          {(ids) => (
            <Select {...ids} value={state} onChange={(event) => set({ state: event.target.value })}>
              <option value="">All</option>
              {Object.entries(STATES).map(([name, { label }]) => (
                <option key={name} value={name}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {webhook ? (
          <Button icon="close" onClick={() => set({ webhook: "" })}>
            Of all webhooks
          </Button>
        ) : null}
      </div>
      {error ? <Notice kind="bad">{(error as unknown as Error).message}</Notice> : null}
      <Loaded query={query} what="deliveries">
        {() => (
          <>
            <DataTable
              caption="Deliveries"
              columns={columns}
              rows={rows}
              file="deliveries"
              empty={
                <Empty title={state || webhook ? "No delivery fits these filters" : "Nothing was sent yet"}>
                  A delivery is made when a session crosses into another band, and by “Send a test”.
                </Empty>
              }
            />
            {query.hasNextPage ? (
              <div className="mt-3 flex justify-center">
                <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  Show more
                </Button>
              </div>
            ) : null}
          </>
        )}
      </Loaded>
    </Card>
  );
}

const NONE: Delivery[] = [];

function columnsFor(zone: string, send: (delivery: string) => void): Column<Delivery>[] {
  return [
    {
      id: "created_at",
      header: "Made",
      value: ({ created_at }) => created_at,
      cell: ({ created_at }) => <span className="whitespace-nowrap">{asTime(created_at, zone, true)}</span>,
    },
    { id: "kind", header: "What", value: ({ kind }) => KINDS[kind] ?? kind },
    { id: "site", header: "Site", value: ({ site }) => site },
    {
      id: "session_id",
      header: "Session",
      value: ({ session_id }) => session_id,
      cell: ({ session_id }) => <span className="font-mono text-xs wrap-anywhere">{session_id || "–"}</span>,
    },
    {
      id: "state",
      header: "State",
      value: ({ state }) => STATES[state].label,
      cell: ({ state }) => <Badge look={STATES[state].look}>{STATES[state].label}</Badge>,
    },
    { id: "attempts", header: "Tries", value: ({ attempts }) => attempts, numeric: true },
    {
      id: "detail",
      header: "Last answer",
      value: ({ detail, status }) => detail || (status ? String(status) : ""),
      cell: ({ detail, status }) => (
        <span className="block max-w-[26rem] wrap-anywhere">{detail || status || "none yet"}</span>
      ),
    },
    {
      id: "id",
      header: "Send again",
      value: ({ id }) => id,
      cell: ({ id, state }) => (
        <Button
          className="h-8 px-2.5"
          disabled={state === "due" || state === "held"}
          aria-label={`Send again: ${id}`}
          onClick={() => send(id)}
        >
          Send again
        </Button>
      ),
    },
  ];
}
