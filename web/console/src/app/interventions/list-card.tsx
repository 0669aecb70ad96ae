"use client";

import { useMemo, useState } from "react";

import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Dialog } from "@/components/dialog";
import { asTime } from "@/components/format";
import { Empty } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { CreateForm } from "./create-form";
import type { Intervention } from "./queries";
import { RuleForm } from "./rule-form";

type Way = "form" | "file";

/** Drafts, interventions that run and those that are stopped; a name opens one. */
export function ListCard({ interventions, zone }: { interventions: Intervention[]; zone: string }) {
  const { set } = useQueryString();
  const [way, setWay] = useState<Way>();
  const columns = useMemo(() => columnsOf(zone, (name) => set({ intervention: name, trial: "" })), [zone, set]);
  const done = (name: string) => {
    setWay(undefined);
    if (name) set({ intervention: name, trial: "" });
  };
  return (
    <Card
      title="All interventions"
      note="A draft changes nothing. Of several at one moment the one of the greatest priority fires."
      actions={
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => setWay("file")}>From a file</Button>
          <Button look="primary" onClick={() => setWay("form")}>
            New intervention
          </Button>
        </div>
      }
    >
      <DataTable
        caption="Interventions"
        columns={columns}
        rows={interventions}
        file="interventions"
        empty={
          <Empty title="There is no intervention yet">
            Make a draft, and try it on the last days before it is started.
          </Empty>
        }
      />
      <Dialog
        open={way !== undefined}
        onClose={() => setWay(undefined)}
        title={way === "file" ? "From a file" : "New intervention"}
      >
        {way === "file" ? <RuleForm onDone={done} /> : <CreateForm onDone={done} />}
      </Dialog>
    </Card>
  );
}

function columnsOf(zone: string, onOpen: (name: string) => void): Column<Intervention>[] {
  return [
    {
      id: "name",
      header: "Name",
      value: ({ name }) => name,
      cell: ({ name }) => (
        <button type="button" onClick={() => onOpen(name)} className="text-left font-medium text-lapis underline">
          {name}
        </button>
      ),
    },
    { id: "status", header: "Status", value: ({ status }) => status },
    { id: "site", header: "Site", value: ({ site }) => site },
    { id: "when", header: "When", value: ({ when }) => when },
    { id: "action", header: "To", value: ({ action }) => action },
    { id: "priority", header: "Priority", numeric: true, value: ({ priority }) => priority },
    {
      id: "started",
      header: "Started",
      value: ({ started_at: at }) => at ?? null,
      cell: ({ started_at: at }) => <span className="whitespace-nowrap">{asTime(at, zone)}</span>,
    },
  ];
}
