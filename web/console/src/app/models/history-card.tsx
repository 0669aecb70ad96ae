"use client";

import { useMemo } from "react";

import { Card } from "@/components/card";
import { asTime } from "@/components/format";
import { Empty } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { GateBadge } from "./gate-badge";
import type { Registry } from "./queries";

type Promotion = Registry["history"][number];

/** Promotions and roll-backs, the newest first. */
export function HistoryCard({ history, zone }: { history: Promotion[]; zone: string }) {
  const columns = useMemo(() => columnsOf(zone), [zone]);
  return (
    <Card title="History" note="Every promotion and roll-back.">
      <DataTable
        caption="Promotions and roll-backs"
        columns={columns}
        rows={history}
        file="promotions"
        empty={<Empty title="Nothing was promoted yet">The version that came with the program scores.</Empty>}
      />
    </Card>
  );
}

function columnsOf(zone: string): Column<Promotion>[] {
  return [
    {
      id: "at",
      header: "When",
      value: ({ at }) => at,
      cell: ({ at }) => <span className="whitespace-nowrap">{asTime(Date.parse(at), zone)}</span>,
    },
    { id: "what", header: "What", value: ({ kind }) => (kind === "promote" ? "promoted" : "rolled back") },
    { id: "site", header: "Of site", value: ({ site }) => site || "all" },
    {
      id: "version",
      header: "In force from then on",
      value: ({ version }) => version || "the common model",
      cell: ({ version }) => <span className="break-all">{version || "the common model"}</span>,
    },
    {
      id: "before",
      header: "Before",
      value: ({ before }) => before || "the common model",
      cell: ({ before }) => <span className="break-all">{before || "the common model"}</span>,
    },
    {
      id: "gate",
      header: "Gate",
      value: ({ gate }) => gate ?? "none",
      cell: ({ gate, at, kind }) => (kind === "promote" ? <GateBadge gate={gate ?? "none"} since={at} /> : null),
    },
    {
      id: "refusals",
      header: "Against it",
      value: ({ refusals }) => (refusals ?? []).join("; "),
      cell: ({ refusals }) => <span className="text-muted">{(refusals ?? []).join("; ")}</span>,
    },
  ];
}
