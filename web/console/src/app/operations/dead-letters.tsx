"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { call, type Schemas } from "@/api/client";
import { useQueryString, useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Field, Input, Select } from "@/components/form";
import { asCount, asTime } from "@/components/format";
import { Empty, Loaded } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { Badge } from "./badge";
import { LetterDialog } from "./letter";
import { KEYS } from "./queries";
import { REASONS } from "./reasons";
import { useZone } from "./zone";

type Letter = Schemas["DeadLetterSummary"];
type List = Schemas["DeadLetterList"];

/** What ended in no session, why, and the way back in. */
export function DeadLetters() {
  const { get, set } = useQueryString();
  const { site } = useSite();
  const zone = useZone();
  const filters = { reason: get("reason"), state: get("state"), text: get("text") };
  const query = useInfiniteQuery({
    queryKey: [KEYS.letters, site?.name ?? "", filters],
    initialPageParam: "",
    queryFn: async ({ pageParam }) => {
      const { data } = await call.GET("/dead-letters", {
        params: { query: { ...asked(filters), ...(site ? { site: site.name } : {}), cursor: pageParam } },
      });
      return data as List;
    },
    getNextPageParam: (last) => last.next || undefined,
  });
  const columns = useMemo(() => columnsFor(zone, (letter) => set({ letter })), [zone, set]);
  const rows = useMemo(() => query.data?.pages.flatMap(({ letters }) => letters) ?? NONE, [query.data]);
  const filtered = Object.values(filters).some(Boolean);
  return (
    <Card
      title="Dead letters"
      note="Records that are in no session, each with the reason. Fix one and send it again: it goes through the ingest API and counts once."
    >
      <Filters key={filters.text} values={filters} change={set} />
      <Loaded query={query} what="dead letters">
        {({ pages }) => (
          <>
            <p className="mb-3 text-sm text-muted">{counted(pages[0])}</p>
            <DataTable
              caption="Dead letters"
              columns={columns}
              rows={rows}
              file="dead-letters"
              empty={
                <Empty title={filtered ? "No letter fits these filters" : "There are no dead letters"}>
                  {filtered ? "Choose another reason or state." : "Every accepted event is in its session."}
                </Empty>
              }
            />
            {query.hasNextPage ? (
              <div className="mt-3 flex justify-center">
                <Button disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  {query.isFetchingNextPage ? "Loading" : "Show more"}
                </Button>
              </div>
            ) : null}
          </>
        )}
      </Loaded>
      <LetterDialog letter={get("letter")} onClose={() => set({ letter: "" })} />
    </Card>
  );
}

const NONE: Letter[] = [];

/** Filters of the address as the API has them; what nobody chose is left out. */
function asked(filters: Record<string, string>) {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value)) as {
    reason?: Letter["reason"];
    state?: "open" | "sent";
    text?: string;
  };
}

function counted(first: List | undefined): string {
  const reasons = Object.entries(first?.reasons ?? {}).map(
    ([reason, count]) => `${asCount(count)} ${REASONS[reason as Letter["reason"]]}`,
  );
  return first?.total ? `${asCount(first.total)} in all: ${reasons.join(", ")}.` : "";
}

function Filters({
  values,
  change,
}: {
  values: { reason: string; state: string; text: string };
  change: (values: Record<string, string>) => void;
}) {
  const [text, setText] = useState(values.text);
  return (
    <form
      className="mb-4 flex flex-wrap items-end gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        change({ text });
      }}
    >
      <Field label="Reason">
        {(ids) => (
          <Select {...ids} value={values.reason} onChange={(event) => change({ reason: event.target.value })}>
            <option value="">All reasons</option>
            {Object.entries(REASONS).map(([reason, label]) => (
              <option key={reason} value={reason}>
                {label}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <Field label="State">
        {(ids) => (
          <Select {...ids} value={values.state} onChange={(event) => change({ state: event.target.value })}>
            <option value="">All</option>
            <option value="open">Not sent again</option>
            <option value="sent">Sent again</option>
          </Select>
        )}
      </Field>
      <Field label="Text in reason or key">
        {(ids) => <Input {...ids} type="search" value={text} onChange={(event) => setText(event.target.value)} />}
      </Field>
      <Button type="submit">Search</Button>
    </form>
  );
}

function columnsFor(zone: string, open: (letter: string) => void): Column<Letter>[] {
  return [
    {
      id: "dead_at",
      header: "When",
      value: ({ dead_at }) => dead_at,
      cell: ({ dead_at }) => <span className="whitespace-nowrap">{asTime(dead_at, zone, true)}</span>,
    },
    { id: "site", header: "Site", value: ({ site }) => site, cell: ({ site }) => site || "not known" },
    {
      id: "reason",
      header: "Reason",
      value: ({ reason }) => REASONS[reason],
      cell: ({ reason, detail }) => (
        <>
          <span className="block min-w-44 font-medium">{REASONS[reason]}</span>
          <span className="block max-w-[32rem] text-xs wrap-anywhere text-muted">{detail.slice(0, 200)}</span>
        </>
      ),
    },
    {
      id: "letter",
      header: "Record",
      value: ({ letter }) => letter,
      cell: ({ topic, partition, offset }) => (
        <span className="font-mono text-xs whitespace-nowrap">
          {topic} {partition}:{offset}
        </span>
      ),
    },
    {
      id: "resent",
      header: "Sent again",
      value: ({ resent }) => resent?.sent_by ?? "",
      cell: ({ resent }) =>
        resent ? (
          <Badge look={resent.state === "sent" ? "good" : "warn"}>
            {resent.state === "sent" ? `by ${resent.sent_by}` : "not certain"}
          </Badge>
        ) : (
          <span className="text-muted">no</span>
        ),
    },
    {
      id: "open",
      header: "Open",
      value: () => null,
      cell: ({ letter, topic, partition, offset }) => (
        <Button className="h-8 px-2.5" aria-label={`Open ${topic} ${partition}:${offset}`} onClick={() => open(letter)}>
          Open
        </Button>
      ),
    },
  ];
}
