"use client";

import { type FormEvent, useState } from "react";

import { api } from "@/api/client";
import { useSignIn } from "@/api/sign-in";
import { useQueryString, useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Field, Input, Select } from "@/components/form";
import { Notice } from "@/components/states";

import { useReload } from "./queries";

/** Asks for a promotion by way of shadow and gate. */
export function PromoteForm({ version, onDone }: { version: string; onDone: () => void }) {
  const reload = useReload();
  const { set } = useQueryString();
  const signIn = useSignIn().data;
  const sites = signIn?.sites ?? [];
  const mayAll = signIn?.all_sites ?? false;
  const picked = useSite().site?.name ?? "";
  const [site, setSite] = useState(mayAll || picked ? picked : (sites[0]?.name ?? ""));
  const [days, setDays] = useState("7");
  const [source, setSource] = useState<"kafka" | "clickhouse">("kafka");
  const [force, setForce] = useState(false);
  const promote = api.useMutation("post", "/promotions", {
    onSuccess: ({ id }) => {
      reload();
      set({ job: String(id) });
      onDone();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    promote.mutate({ body: { version, site, days: Number(days), source, force } });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <p className="text-sm text-muted">
        The sessions of the last days are scored again by this version, beside the one in force. The gate lets it pass
        where it is surely no worse on sessions that are new to it. Live traffic is not touched meanwhile.
      </p>
      <div className="grid gap-4 sm:grid-cols-3">
        <Field label="Scores">
          {(ids) => (
            <Select {...ids} value={site} onChange={(event) => setSite(event.target.value)} className="w-full">
              {mayAll ? <option value="">all sites</option> : null}
              {sites.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Compared on, days">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required
              min="0.01"
              max="3660"
              step="any"
              value={days}
              onChange={(event) => setDays(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Events from">
          {(ids) => (
            <Select
              {...ids}
              value={source}
              onChange={(event) => setSource(event.target.value === "kafka" ? "kafka" : "clickhouse")}
              className="w-full"
            >
              <option value="kafka">Kafka</option>
              <option value="clickhouse">ClickHouse</option>
            </Select>
          )}
        </Field>
      </div>
      <label className="flex items-start gap-2 text-sm">
        <input
          type="checkbox"
          checked={force}
          onChange={(event) => setForce(event.target.checked)}
          className="mt-0.5 size-4 accent-lapis"
        />
        <span>
          Also against the gate
          <span className="block text-xs text-muted">
            Its reasons are kept with the promotion, and the audit trail has who did it.
          </span>
        </span>
      </label>
      {promote.error ? <Notice kind="bad">{promote.error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" look="primary" disabled={promote.isPending}>
          {force ? "Promote in any case" : "Judge and promote"}
        </Button>
      </div>
    </form>
  );
}
