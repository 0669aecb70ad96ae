"use client";

import { useState } from "react";

import { api } from "@/api/client";
import { Field, Input } from "@/components/form";
import { Loaded, Notice } from "@/components/states";

import { Copied } from "./copied";
import type { Site } from "./queries";

/** The tag to paste, with the few options that change it. */
export function TagStep({ site }: { site: Site }) {
  const [datalayer, setDatalayer] = useState(false);
  const [manager, setManager] = useState(false);
  const [pinned, setPinned] = useState(false);
  const [domain, setDomain] = useState("");
  const query = { datalayer, tag_manager: manager, pinned, cookie_domain: domain.trim() };
  const tag = api.useQuery("get", "/sites/{site}/tag", { params: { path: { site: site.name }, query } });
  return (
    <Loaded query={tag} what="the tag">
      {({ tag: text, key, directives }) => (
        <div className="space-y-4">
          {key ? null : (
            <Notice kind="warn">
              This site has no write key, so its pages send from this machine alone: make one in step 4.
            </Notice>
          )}
          <Copied text={text} label={`Script tag of ${site.name}`} />
          <fieldset className="flex flex-wrap gap-x-6 gap-y-2 text-sm">
            <legend className="sr-only">Options of the tag</legend>
            <Option label="Read Google's dataLayer, too" checked={datalayer} onChange={setDatalayer} />
            <Option label="For a tag manager" checked={manager} onChange={setManager} />
            <Option label="This release alone, with its hash" checked={pinned} onChange={setPinned} />
          </fieldset>
          <details className="text-sm">
            <summary className="w-fit text-lapis">Several hosts, and content security policy</summary>
            <div className="mt-3 space-y-4">
              <Field label="Domain of the cookie" hint="One visitor on all hosts of this domain, such as shop.example.">
                {(ids) => (
                  <Input
                    {...ids}
                    value={domain}
                    onChange={(event) => setDomain(event.target.value)}
                    className="w-full max-w-80"
                  />
                )}
              </Field>
              <div>
                <p className="mb-1 text-muted">A page with a strict policy must allow:</p>
                <Copied
                  label="Content security policy"
                  text={Object.entries(directives)
                    .map(([name, sources]) => `${name} ${sources}`)
                    .join("; ")}
                />
              </div>
            </div>
          </details>
        </div>
      )}
    </Loaded>
  );
}

function Option({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="flex items-center gap-2">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="size-4 accent-lapis"
      />
      {label}
    </label>
  );
}
