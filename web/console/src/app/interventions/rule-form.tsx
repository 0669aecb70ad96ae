"use client";

import { type ChangeEvent, type FormEvent, useState } from "react";

import { useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Field } from "@/components/form";
import { Notice } from "@/components/states";

import type { InterventionRequest } from "./queries";
import { useCreate } from "./use-create";

const NO_OBJECT = "This is no JSON object. Look for a missing quote, comma or bracket.";

/** A draft from the text of a file, which has the fields of POST /interventions. */
export function RuleForm({ onDone }: { onDone: (name: string) => void }) {
  const { site, sites } = useSite();
  const [text, setText] = useState(() =>
    JSON.stringify({ name: "", site: (site ?? sites[0])?.name ?? "", when: "", action: "webhook" }, null, 2),
  );
  const [fault, setFault] = useState("");
  const create = useCreate(onDone);
  const open = async ({ target }: ChangeEvent<HTMLInputElement>) => {
    const file = target.files?.[0];
    if (file) setText(await file.text());
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const rule = ruleIn(text);
    setFault(rule === undefined ? NO_OBJECT : "");
    // The API says what is wrong with its fields.
    if (rule !== undefined) create.mutate({ body: rule });
  };
  return (
    <form onSubmit={submit} className="space-y-4">
      <Field label="File" hint="The file that opecom interventions try takes.">
        {(ids) => (
          <input
            {...ids}
            type="file"
            accept=".json,application/json"
            onChange={(event) => void open(event)}
            className="block w-full text-sm"
          />
        )}
      </Field>
      <Field label="Rule" hint="The fields of POST /interventions." error={fault || undefined}>
        {(ids) => (
          <textarea
            {...ids}
            required
            rows={12}
            maxLength={16_000}
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
            className="w-full rounded-md border border-field bg-card px-3 py-2 font-mono text-xs"
          />
        )}
      </Field>
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

function ruleIn(text: string): InterventionRequest | undefined {
  try {
    const read: unknown = JSON.parse(text);
    const isObject = typeof read === "object" && read !== null && !Array.isArray(read);
    return isObject ? (read as InterventionRequest) : undefined;
  } catch {
    return undefined;
  }
}
