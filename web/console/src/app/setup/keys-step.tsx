"use client";

import { useMemo, useState } from "react";

import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { asTime } from "@/components/format";
import { Empty, Loaded, Notice } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { KeyForm } from "./key-form";
import { useKeys, useReload } from "./queries";
import { ShownOnce } from "./shown-once";

type Key = Schemas["KeyDetails"];

/** The secret keys by name: made and shown once, ended. */
export function KeysStep({ sites, canChange }: { sites: string[]; canChange: boolean }) {
  const keys = useKeys();
  const [form, setForm] = useState<"new" | "shown" | "end" | "">("");
  const [ended, setEnded] = useState("");
  const [secret, setSecret] = useState("");
  // A dialog that gives way to the next one reports its own end after that has opened.
  const closing = (which: typeof form) => () => setForm((now) => (now === which ? "" : now));
  const columns = useMemo(
    () =>
      columnsOf(canChange, (name) => {
        setEnded(name);
        setForm("end");
      }),
    [canChange],
  );
  return (
    <Loaded query={keys} what="keys">
      {({ keys: found }) => (
        <>
          <DataTable
            caption="Secret keys"
            columns={columns}
            rows={found}
            file="keys"
            empty={
              <Empty title="There is no key yet">Programs and people need one where this machine is not enough.</Empty>
            }
          />
          <Button look="primary" icon="key" className="mt-3" disabled={!canChange} onClick={() => setForm("new")}>
            Make a key
          </Button>
          <Dialog open={form === "new"} onClose={closing("new")} title="Make a key">
            <KeyForm
              sites={sites}
              onCancel={closing("new")}
              onDone={(key) => {
                setSecret(key);
                setForm("shown");
              }}
            />
          </Dialog>
          <Dialog open={form === "shown"} onClose={closing("shown")} title="Take this key along">
            <ShownOnce secret={secret} onDone={closing("shown")} />
          </Dialog>
          <Dialog open={form === "end"} onClose={closing("end")} title={`End the key ${ended}?`}>
            <EndKey name={ended} onDone={closing("end")} />
          </Dialog>
        </>
      )}
    </Loaded>
  );
}

function columnsOf(canChange: boolean, onEnd: (name: string) => void): Column<Key>[] {
  return [
    {
      id: "name",
      header: "Name",
      value: ({ name }) => name,
      cell: ({ name }) => <b className="font-medium">{name}</b>,
    },
    { id: "scopes", header: "May", value: ({ scopes }) => scopes.join(", ") },
    { id: "sites", header: "Of sites", value: ({ sites }) => sites?.join(", ") ?? "all" },
    {
      id: "made",
      header: "Made",
      value: ({ created_at: at }) => at ?? "in the settings",
      cell: ({ created_at: at }) =>
        at ? asTime(Date.parse(at), Intl.DateTimeFormat().resolvedOptions().timeZone) : "in the settings",
    },
    {
      id: "end",
      header: "Action",
      value: () => "",
      cell: ({ name, kept_in: keptIn }) =>
        keptIn === "file" ? (
          <Button look="quiet" className="-my-1.5" disabled={!canChange} onClick={() => onEnd(name)}>
            End<span className="sr-only"> {name}</span>
          </Button>
        ) : null,
    },
  ];
}

function EndKey({ name, onDone }: { name: string; onDone: () => void }) {
  const reload = useReload();
  const end = api.useMutation("delete", "/keys", {
    onSuccess: () => {
      reload();
      onDone();
    },
  });
  return (
    <div className="space-y-4">
      <p className="text-muted">
        Who has it reads nothing with it from the next second on. Streams that are open end with their client.
      </p>
      {end.error ? <Notice kind="bad">{end.error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onDone}>Keep it</Button>
        <Button look="danger" disabled={end.isPending} onClick={() => end.mutate({ params: { query: { name } } })}>
          End it
        </Button>
      </div>
    </div>
  );
}
