"use client";

import { type FormEvent, useState } from "react";

import { api } from "@/api/client";
import { useSignIn } from "@/api/sign-in";
import { useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Field, Input, Select } from "@/components/form";
import { Notice } from "@/components/states";

import { METRICS, type Metric, useReload } from "./queries";

/** Two arms of actions and the plan of their reading; experiments of models and of more arms are made by the command. */
export function CreateForm({ onDone }: { onDone: (name: string) => void }) {
  const reload = useReload();
  const sites = useSignIn().data?.sites ?? [];
  const picked = useSite().site?.name ?? sites[0]?.name ?? "";
  const [name, setName] = useState("");
  const [site, setSite] = useState(picked);
  const [share, setShare] = useState("50");
  const [audience, setAudience] = useState("");
  const [visitors, setVisitors] = useState("20000");
  const [days, setDays] = useState("7");
  const [reading, setReading] = useState<"any-time" | "planned">("any-time");
  const [decides, setDecides] = useState<Metric>("conversion");
  const create = api.useMutation("post", "/experiments", {
    onSuccess: (made) => {
      reload();
      onDone(made.name);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const treated = Number(share);
    create.mutate({
      body: {
        name,
        site,
        unit: "visitor",
        audience,
        layer: "",
        arms: [
          { name: "control", share: 100 - treated, model: "", acts: false },
          { name: "treatment", share: treated, model: "", acts: true },
        ],
        plan: { planned_visitors: Number(visitors), window_days: Number(days), reading, decides, looks: 4 },
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
        <Field label="Acted on, percent" hint="The others are the control, which holds back.">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required
              min="1"
              max="99"
              step="0.01"
              value={share}
              onChange={(event) => setShare(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Audience" hint="A condition, as band >= building. Empty: everybody.">
          {(ids) => (
            <Input
              {...ids}
              maxLength={500}
              value={audience}
              onChange={(event) => setAudience(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
      </div>
      <fieldset className="grid gap-4 sm:grid-cols-2">
        <legend className="mb-2 text-sm font-medium">How it will be read, written down now</legend>
        <Field label="Visitors of both arms" hint="opecom experiments plan says how many it takes.">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required
              min="400"
              value={visitors}
              onChange={(event) => setVisitors(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Days after its exposure that count">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              required
              min="1"
              max="90"
              value={days}
              onChange={(event) => setDays(event.target.value)}
              className="w-full"
            />
          )}
        </Field>
        <Field label="Looked at">
          {(ids) => (
            <Select
              {...ids}
              value={reading}
              onChange={(event) => setReading(event.target.value === "planned" ? "planned" : "any-time")}
              className="w-full"
            >
              <option value="any-time">at any time</option>
              <option value="planned">at four planned looks</option>
            </Select>
          )}
        </Field>
        <Field label="Decided by">
          {(ids) => (
            <Select
              {...ids}
              value={decides}
              onChange={(event) => setDecides(event.target.value as Metric)}
              className="w-full"
            >
              {Object.entries(METRICS).map(([key, label]) => (
                <option key={key} value={key}>
                  {label}
                </option>
              ))}
            </Select>
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
