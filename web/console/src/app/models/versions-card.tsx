"use client";

import { useMemo, useState } from "react";

import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Dialog } from "@/components/dialog";
import { asTime } from "@/components/format";
import { Empty } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { CardText } from "./card-text";
import { asFixed } from "./metrics";
import { PromoteForm } from "./promote-form";
import type { Model, Registry } from "./queries";

/** Every version, with its card, and the way into force. */
export function VersionsCard({ registry, zone }: { registry: Registry; zone: string }) {
  const { get, set } = useQueryString();
  const [promoted, setPromoted] = useState("");
  const inForce = useMemo(() => new Set(registry.in_force.map(({ version }) => version)), [registry]);
  const columns = useMemo(
    () => columnsOf(inForce, zone, (version) => set({ card: version }), setPromoted),
    [inForce, zone, set],
  );
  const card = get("card");
  return (
    <Card title="Versions" note="The newest first. A version is never changed: what is trained again is another one.">
      <DataTable
        caption="Versions of the model"
        columns={columns}
        rows={registry.models}
        file="models"
        empty={<Empty title="The registry is empty">Train a model, or let the learner do it.</Empty>}
      />
      <Dialog open={card !== ""} onClose={() => set({ card: "" })} title={card}>
        <CardText version={card} />
      </Dialog>
      <Dialog open={promoted !== ""} onClose={() => setPromoted("")} title={`Put ${promoted} in force`}>
        <PromoteForm version={promoted} onDone={() => setPromoted("")} />
      </Dialog>
    </Card>
  );
}

function columnsOf(
  inForce: Set<string>,
  zone: string,
  onCard: (version: string) => void,
  onPromote: (version: string) => void,
): Column<Model>[] {
  return [
    {
      id: "version",
      header: "Version",
      value: ({ version }) => version,
      cell: ({ version }) => (
        <span className="flex min-w-44 flex-wrap items-center gap-2">
          <button type="button" onClick={() => onCard(version)} className="text-left font-medium text-lapis underline">
            {version}
          </button>
          {inForce.has(version) ? (
            <span className="rounded-full bg-good-soft px-2 py-0.5 text-xs font-medium text-good">in force</span>
          ) : null}
        </span>
      ),
    },
    { id: "kind", header: "Kind", value: ({ track }) => track },
    {
      id: "made",
      header: "Made",
      value: ({ created_at: made }) => made,
      cell: ({ created_at: made }) => <span className="whitespace-nowrap">{made}</span>,
    },
    {
      id: "fitted",
      header: "Learned from",
      value: ({ fitted_on: fitted }) => fitted?.site ?? "",
      cell: ({ fitted_on: fitted, training_shop: shop }) =>
        fitted ? (
          <>
            {fitted.site || "several sites"}
            <span className="block text-xs text-muted">until {asTime(fitted.until, zone)}</span>
          </>
        ) : (
          (shop?.site ?? "–")
        ),
    },
    {
      id: "auc",
      header: "AUC",
      numeric: true,
      value: ({ metrics }) => metrics.auc_test ?? null,
      cell: ({ metrics }) => asFixed(metrics.auc_test, 3),
    },
    {
      id: "loss",
      header: "Log-loss",
      numeric: true,
      value: ({ metrics }) => metrics.log_loss_test ?? null,
      cell: ({ metrics }) => asFixed(metrics.log_loss_test, 4),
    },
    {
      id: "threshold",
      header: "YES from",
      numeric: true,
      value: ({ threshold }) => threshold,
      cell: ({ threshold }) => asFixed(threshold, 3),
    },
    {
      id: "promote",
      header: "Action",
      value: () => "",
      cell: ({ version }) => (
        <Button look="quiet" className="-my-1.5" onClick={() => onPromote(version)}>
          Promote<span className="sr-only"> {version}</span>
        </Button>
      ),
    },
  ];
}
