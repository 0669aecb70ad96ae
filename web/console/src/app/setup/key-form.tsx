"use client";

import { type FormEvent, useState } from "react";

import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/button";
import { Field, Input } from "@/components/form";
import { Notice } from "@/components/states";

import { useReload } from "./queries";

type Scope = Schemas["KeyRequest"]["scopes"][number];

const SCOPES: { scope: Scope; label: string }[] = [
  { scope: "read", label: "read: scores, sessions, predictions" },
  { scope: "export", label: "export: lists, statistics, exports" },
  { scope: "personal", label: "personal: what is known of a visitor" },
  { scope: "admin", label: "admin: everything" },
];

/** A key for a person or a program. */
export function KeyForm({
  sites,
  onCancel,
  onDone,
}: {
  sites: string[];
  onCancel: () => void;
  onDone: (key: string) => void;
}) {
  const reload = useReload();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(["read"]);
  const [chosen, setChosen] = useState<string[]>([]);
  const make = api.useMutation("post", "/keys", {
    onSuccess: ({ key }) => {
      reload();
      onDone(key);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate({ body: { name, scopes, sites: chosen.length ? chosen : null } });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="Name" hint="Whose it is, or what for; the audit trail has it.">
        {(ids) => (
          <Input
            {...ids}
            required
            autoFocus
            maxLength={64}
            value={name}
            onChange={(event) => setName(event.target.value)}
            className="w-full"
          />
        )}
      </Field>
      <fieldset>
        <legend className="mb-1 text-sm font-medium">It may</legend>
        {SCOPES.map(({ scope, label }) => (
          <Choice
            key={scope}
            label={label}
            checked={scopes.includes(scope)}
            onChange={() => setScopes(toggled(scopes, scope))}
          />
        ))}
      </fieldset>
      <fieldset>
        <legend className="mb-1 text-sm font-medium">Of sites</legend>
        <p className="mb-1 text-xs text-muted">None chosen: all, those to come too.</p>
        <div className="max-h-40 overflow-auto">
          {sites.map((site) => (
            <Choice
              key={site}
              label={site}
              checked={chosen.includes(site)}
              onChange={() => setChosen(toggled(chosen, site))}
            />
          ))}
        </div>
      </fieldset>
      {make.error ? <Notice kind="bad">{make.error.reason}</Notice> : null}
      <div className="flex justify-end gap-3">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look="primary" disabled={make.isPending || scopes.length === 0}>
          Make it
        </Button>
      </div>
    </form>
  );
}

function toggled<T>(chosen: T[], value: T): T[] {
  return chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value];
}

function Choice({ label, checked, onChange }: { label: string; checked: boolean; onChange: () => void }) {
  return (
    <label className="flex items-center gap-2 py-1 text-sm">
      <input type="checkbox" checked={checked} onChange={onChange} className="size-4 accent-lapis" />
      {label}
    </label>
  );
}
