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
import type { Experiment } from "./queries";

/** Drafts, experiments that run and those that are stopped; a name opens one. */
export function ListCard({ experiments, zone }: { experiments: Experiment[]; zone: string }) {
  const { set } = useQueryString();
  const [isNew, setNew] = useState(false);
  const columns = useMemo(() => columnsOf(zone, (name) => set({ experiment: name })), [zone, set]);
  return (
    <Card
      title="All experiments"
      note="A draft changes nothing. What is stopped stays stopped, and can be read for ever."
      actions={
        <Button look="primary" onClick={() => setNew(true)}>
          New experiment
        </Button>
      }
    >
      <DataTable
        caption="Experiments"
        columns={columns}
        rows={experiments}
        file="experiments"
        empty={<Empty title="There is no experiment yet">The first one takes ten minutes to set up.</Empty>}
      />
      <Dialog open={isNew} onClose={() => setNew(false)} title="New experiment">
        <CreateForm
          onDone={(name) => {
            setNew(false);
            if (name) set({ experiment: name });
          }}
        />
      </Dialog>
    </Card>
  );
}

function columnsOf(zone: string, onOpen: (name: string) => void): Column<Experiment>[] {
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
    { id: "kind", header: "Of", value: ({ kind }) => (kind === "model" ? "models" : "actions") },
    {
      id: "arms",
      header: "Arms",
      value: ({ arms }) => arms.map(({ name, share }) => `${name} ${share} %`).join(", "),
    },
    {
      id: "started",
      header: "Started",
      value: ({ started_at: at }) => at ?? null,
      cell: ({ started_at: at }) => <span className="whitespace-nowrap">{asTime(at, zone)}</span>,
    },
  ];
}
