"use client";

import { useState } from "react";

import { api } from "@/api/client";
import { useMay } from "@/api/sign-in";
import { Button } from "@/components/button";
import { asTime } from "@/components/format";
import { Loaded } from "@/components/states";

/** The record of the log behind an update, fetched when it is asked for. */
export function RawRecord({ site, id, offset, named }: { site: string; id: string; offset: number; named: boolean }) {
  const [open, setOpen] = useState(false);
  const may = useMay("export");
  if (!named) return <p className="mt-2 text-xs text-muted">The clock did this; no event stands behind it.</p>;
  if (!may) return <p className="mt-2 text-xs text-muted">Its record needs a key of scope export.</p>;
  if (!open)
    return (
      <Button look="quiet" className="mt-1 h-7 px-2 text-xs" onClick={() => setOpen(true)}>
        Show the raw record
      </Button>
    );
  return <Record site={site} id={id} offset={offset} />;
}

function Record({ site, id, offset }: { site: string; id: string; offset: number }) {
  const query = api.useQuery("get", "/admin/sessions/{session_id}/records", {
    params: { path: { session_id: id }, query: { site, offset } },
  });
  return (
    <Loaded query={query} what="the record">
      {({ records }) => (
        <div className="mt-2 space-y-2">
          {records.map((record) => (
            <figure key={`${record.log} ${record.partition}`}>
              <figcaption className="text-xs text-muted">
                Log {record.log}, partition {record.partition}, offset {record.offset},{" "}
                {asTime(record.appended_at, "UTC", true)} UTC
              </figcaption>
              <pre
                tabIndex={0}
                className="mt-1 max-h-64 overflow-auto rounded-md bg-sunken p-3 font-mono text-xs whitespace-pre-wrap"
              >
                {pretty(record.raw)}
              </pre>
            </figure>
          ))}
        </div>
      )}
    </Loaded>
  );
}

function pretty(raw: string): string {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return raw;
  }
}
