"use client";

import { type FormEvent, useState } from "react";

import { useSignIn } from "@/api/sign-in";
import { useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Field, Input, Select } from "@/components/form";
import { Notice } from "@/components/states";

import { ACTIONS, type Intervention } from "./queries";
import { useCreate } from "./use-create";

/** The fields of a rule; what is left empty has no limit. */
export function CreateForm({ onDone }: { onDone: (name: string) => void }) {
  const sites = useSignIn().data?.sites ?? [];
  const picked = useSite().site?.name ?? sites[0]?.name ?? "";
  const [name, setName] = useState("");
  const [site, setSite] = useState(picked);
  const [when, setWhen] = useState("");
  const [action, setAction] = useState<Intervention["action"]>("webhook");
  const [payload, setPayload] = useState("");
  const [priority, setPriority] = useState("0");
  const [cap, setCap] = useState("");
  const [cooldown, setCooldown] = useState("");
  const [quietSince, setQuietSince] = useState("");
  const [quietUntil, setQuietUntil] = useState("");
  const [experiment, setExperiment] = useState("");
  const create = useCreate(onDone);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate({
      body: {
        name,
        site,
        when,
        action,
        payload,
        priority: Number(priority),
        visitor_cap: Number(cap),
        visitor_cooldown_seconds: Math.round(Number(cooldown) * 3_600),
        quiet: quietSince && quietUntil ? { since: Number(quietSince), until: Number(quietUntil) } : null,
        experiment,
      },
    });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Name" hint="a to z, 0 to 9, - and _">
          {(ids) => (
            <Input
              {...ids}
              required
              autoFocus
              maxLength={32}
              pattern="[a-z0-9][a-z0-9_\-]*"
              value={name}
              onChange={(event) => setName(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Site">
          {(ids) => (
            <Select {...ids} value={site} onChange={(event) => setSite(event.target.value)} className="w-full">
              {sites.map((each) => (
                <option key={each.name}>{each.name}</option>
              ))}
            </Select>
          )}
        </Field>
      </div>
      <Field label="When" hint="A condition, as probability > 0.5 and idle_seconds >= 60.">
        {(ids) => (
          <Input
            {...ids}
            required
            maxLength={500}
            value={when}
            onChange={(event) => setWhen(event.target.value)}
            className="w-full"
          />
        )}
      </Field>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="The message goes to">
          {(ids) => (
            <Select
              {...ids}
              value={action}
              onChange={(event) => setAction(event.target.value as Intervention["action"])}
              className="w-full"
            >
              {Object.entries(ACTIONS).map(([key, label]) => (
                <option key={key} value={key}>
                  {label}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label="Priority" hint="The greatest fires alone.">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required
              min="0"
              max="1000"
              value={priority}
              onChange={(event) => setPriority(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
      </div>
      <Field label="Payload" hint='A JSON object that goes with the message, as {"text": "May we help?"}.'>
        {(ids) => (
          <textarea
            {...ids}
            rows={3}
            maxLength={4_000}
            spellCheck={false}
            value={payload}
            onChange={(event) => setPayload(event.target.value)}
            className="w-full rounded-md border border-field bg-card px-3 py-2 font-mono text-xs"
          />
        )}
      </Field>
      <fieldset className="grid gap-4 sm:grid-cols-2">
        <legend className="mb-2 text-sm font-medium">Limits; empty: none</legend>
        <Field label="Times for each visitor">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              min="0"
              max="1000"
              value={cap}
              onChange={(event) => setCap(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Hours until it comes again">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              min="0"
              max="2160"
              step="any"
              value={cooldown}
              onChange={(event) => setCooldown(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Quiet from, hour">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required={quietUntil !== ""}
              min="0"
              max="23"
              value={quietSince}
              onChange={(event) => setQuietSince(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Quiet until, hour" hint="In the site's time zone.">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required={quietSince !== ""}
              min="0"
              max="23"
              value={quietUntil}
              onChange={(event) => setQuietUntil(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Experiment" hint="It acts in the acting arms of this one alone.">
          {(ids) => (
            <Input
              {...ids}
              maxLength={32}
              value={experiment}
              onChange={(event) => setExperiment(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
      </fieldset>
      {create.error ? <Notice kind="bad">{create.error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={() => onDone("")}>Cancel</Button>
        <Button type="submit" look="primary" disabled={create.isPending}>
          Make a draft
        </Button>
      </div>
    </form>
  );
}
