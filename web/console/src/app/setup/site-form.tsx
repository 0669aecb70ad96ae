"use client";

import { type FormEvent, useState } from "react";

import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/form";
import { Notice } from "@/components/states";

import { PathRules, type PathRule } from "./path-rules";
import { type Site, useReload } from "./queries";

/** Bands have no control here. */
type Fields = Omit<Schemas["SiteFields"], "bands">;

const ZONES = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];

/** A new site, or the fields of one; only what was changed is sent. */
export function SiteForm({
  site,
  onCancel,
  onDone,
}: {
  site?: Site;
  onCancel: () => void;
  onDone: (name: string, notices: string[]) => void;
}) {
  const reload = useReload();
  const finish = ({ site: { name: done }, notices }: { site: { name: string }; notices?: string[] }) => {
    reload();
    onDone(done, notices ?? []);
  };
  const make = api.useMutation("post", "/sites", { onSuccess: finish });
  const change = api.useMutation("patch", "/sites/{site}", { onSuccess: finish });
  const before: Fields = site?.fields ?? {};
  const [name, setName] = useState(site?.name ?? "");
  const [origins, setOrigins] = useState((before.origins ?? []).join("\n"));
  const [zone, setZone] = useState(before.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
  const [holidays, setHolidays] = useState(before.holidays ?? "");
  const [currency, setCurrency] = useState(before.currency ?? "");
  const [conversion, setConversion] = useState(
    before.expected_conversion ? String(100 * before.expected_conversion) : "",
  );
  const [rules, setRules] = useState<PathRule[]>(before.path_rules ?? []);
  const held = (field: keyof Fields) => site?.held.includes(field) ?? false;
  const hint = (field: keyof Fields, otherwise: string) =>
    held(field) ? "The settings hold this: change it there." : otherwise;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted: Fields = {
      origins: origins.split(/\s+/).filter(Boolean),
      timezone: zone,
      holidays: holidays.toUpperCase(),
      currency: currency.toUpperCase(),
      path_rules: rules.filter(({ prefix }) => prefix),
      ...(conversion ? { expected_conversion: Number(conversion) / 100 } : {}),
    };
    const fields = changed(before, wanted, !site);
    if (site) change.mutate({ params: { path: { site: site.name } }, body: fields });
    else make.mutate({ body: { name, fields } });
  };
  const error = make.error ?? change.error;
  const isPending = make.isPending || change.isPending;
  return (
    <form onSubmit={submit} className="space-y-4">
      {site ? null : (
        <Field label="Name" hint="Lower-case letters, digits, _ . and -; it stands in the data and stays.">
          {(ids) => (
            <Input
              {...ids}
              required
              autoFocus
              pattern="[a-z0-9][a-z0-9_.\-]{0,63}"
              value={name}
              onChange={(event) => setName(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
      )}
      <Field
        label="Origins"
        hint="Where its pages are, one a line: https://shop.example. None: pages of this machine alone."
      >
        {(ids) => (
          <textarea
            {...ids}
            rows={2}
            value={origins}
            onChange={(event) => setOrigins(event.target.value)}
            className="w-full rounded-md border border-field bg-card px-3 py-2 text-sm text-ink"
          />
        )}
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Time zone" hint={hint("timezone", "Days, months and the 04:00 cut are local.")}>
          {(ids) => (
            <Input
              {...ids}
              required
              list="time-zones"
              disabled={held("timezone")}
              value={zone}
              onChange={(event) => setZone(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Holidays" hint={hint("holidays", "Country code, such as AT; empty: none.")}>
          {(ids) => (
            <Input
              {...ids}
              maxLength={6}
              disabled={held("holidays")}
              value={holidays}
              onChange={(event) => setHolidays(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Currency" hint={hint("currency", "In which revenue is added up, such as EUR.")}>
          {(ids) => (
            <Input
              {...ids}
              maxLength={3}
              disabled={held("currency")}
              value={currency}
              onChange={(event) => setCurrency(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Expected conversion, %" hint={hint("expected_conversion", "Of a hundred sessions so many buy.")}>
          {(ids) => (
            <Input
              {...ids}
              type="number"
              min="0.01"
              max="99"
              step="any"
              disabled={held("expected_conversion")}
              value={conversion}
              onChange={(event) => setConversion(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
      </div>
      <datalist id="time-zones">
        {ZONES.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      {held("path_rules") ? null : <PathRules rules={rules} onChange={setRules} />}
      {error ? <Notice kind="bad">{error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look="primary" disabled={isPending}>
          {site ? "Save" : "Add"}
        </Button>
      </div>
    </form>
  );
}

/** The fields that differ from before; of a new site those that are not empty. */
function changed(before: Fields, wanted: Fields, isNew: boolean): Fields {
  const kept = Object.entries(wanted).filter(([field, value]) => {
    const was: unknown = before[field as keyof Fields];
    if (isNew || was === undefined) return Array.isArray(value) ? value.length > 0 : value !== "";
    return JSON.stringify(was) !== JSON.stringify(value);
  });
  return Object.fromEntries(kept) as Fields;
}
