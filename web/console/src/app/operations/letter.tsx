"use client";

import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { api, type Schemas } from "@/api/client";
import { useSite } from "@/api/site";
import { Button } from "@/components/button";
import { CopyButton } from "@/components/copy-button";
import { Dialog } from "@/components/dialog";
import { Field, Select } from "@/components/form";
import { asCount, asTime } from "@/components/format";
import { Loaded, Notice } from "@/components/states";

import { REASONS } from "./reasons";
import { downloadBytes } from "./download";
import { Code } from "./code";
import { KEYS, useLetter } from "./queries";
import { useZone } from "./zone";

type Whole = Schemas["WholeDeadLetter"];

const TEMPLATE = { type: "page_view", session_id: "", visitor_id: "", page: { url: "/" } };

/** One letter: why it is dead, its bytes, and the form that sends it again. */
export function LetterDialog({ letter, onClose }: { letter: string; onClose: () => void }) {
  return (
    <Dialog open={letter !== ""} onClose={onClose} title="Dead letter">
      {letter ? <Letter letter={letter} /> : null}
    </Dialog>
  );
}

function Letter({ letter }: { letter: string }) {
  const query = useLetter(letter);
  return (
    <Loaded query={query} what="the letter">
      {(whole) => <Shown whole={whole} />}
    </Loaded>
  );
}

function Shown({ whole }: { whole: Whole }) {
  const zone = useZone();
  const { summary, text, is_text, base64 } = whole;
  const facts: [string, string][] = [
    ["Reason", `${REASONS[summary.reason]}${summary.detail ? `: ${summary.detail}` : ""}`],
    ["When", asTime(summary.dead_at, zone, true)],
    ["Site", summary.site || "not known"],
    ["Record", summary.letter],
    ["Key", whole.key || "none"],
  ];
  return (
    <div className="space-y-5">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="wrap-anywhere">{value}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary className="text-sm font-medium">
          Raw record, {asCount(summary.bytes)} bytes{is_text ? "" : ", no text"}
        </summary>
        <pre
          tabIndex={0}
          className="mt-2 max-h-60 overflow-auto rounded-md bg-sunken p-3 font-mono text-xs wrap-anywhere whitespace-pre-wrap"
        >
          {text || "It is empty."}
        </pre>
        <div className="mt-2 flex flex-wrap gap-2">
          <CopyButton label="Copy base64" text={() => base64} />
          <Button
            look="quiet"
            icon="download"
            className="h-8 px-2.5"
            onClick={() => downloadBytes(`${summary.letter.replaceAll(":", "-")}.bin`, base64)}
          >
            Download the bytes
          </Button>
        </div>
      </details>
      {summary.resent ? <Sent resent={summary.resent} zone={zone} /> : null}
      {summary.resent?.state === "sent" || summary.topic !== "events" ? (
        whole.hint && summary.topic !== "events" ? (
          <Notice>
            <Code text={capital(whole.hint)} />
          </Notice>
        ) : null
      ) : (
        <ResendForm whole={whole} />
      )}
    </div>
  );
}

function Sent({ resent, zone }: { resent: Schemas["ResentLetter"]; zone: string }) {
  if (resent.state === "sent")
    return (
      <Notice kind="good">
        Sent again by {resent.sent_by}, {asTime(resent.sent_at, zone, true)}, as event{" "}
        <span className="font-mono text-xs wrap-anywhere">{resent.event_id}</span> of session {resent.session_id}.
      </Notice>
    );
  return (
    <Notice kind="warn">
      {resent.sent_by} sent it {asTime(resent.claimed_at, zone, true)}, and the answer was lost. Send it again: it goes
      as it went then, and counts once.
    </Notice>
  );
}

function ResendForm({ whole }: { whole: Whole }) {
  const { summary, draft, hint } = whole;
  const { sites } = useSite();
  const client = useQueryClient();
  const [text, setText] = useState(() => JSON.stringify(summary.resent?.event ?? draft ?? TEMPLATE, null, 2));
  const [site, setSite] = useState("");
  const [fault, setFault] = useState("");
  const send = api.useMutation("post", "/dead-letters/{letter}/send", {
    onSettled: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: [KEYS.letters] }),
        client.invalidateQueries({ queryKey: [KEYS.letter] }),
      ]);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = parsed(text);
    setFault(read === undefined ? "This is no JSON object. Look for a missing quote, comma or bracket." : "");
    if (read === undefined) return;
    send.mutate({
      params: { path: { letter: summary.letter } },
      body: { event: read, site },
    });
  };
  const withoutTime = () => {
    const read = parsed(text);
    if (read === undefined) return;
    delete read.occurred_at;
    setText(JSON.stringify(read, null, 2));
  };
  return (
    <form onSubmit={submit} className="space-y-3">
      {hint ? (
        <Notice kind="warn">
          <Code text={capital(hint)} />
        </Notice>
      ) : null}
      <Field
        label="Event to send"
        hint="As a batch of the ingest API has it. The event id stays, so that it counts once."
        error={fault || undefined}
      >
        {(ids) => (
          <textarea
            {...ids}
            value={text}
            rows={12}
            spellCheck={false}
            readOnly={summary.resent !== null}
            onChange={(event) => setText(event.target.value)}
            className="w-full rounded-md border border-field bg-card px-3 py-2 font-mono text-xs"
          />
        )}
      </Field>
      {summary.site ? null : (
        <Field label="Site" hint="The record names none.">
          {(ids) => (
            <Select {...ids} required value={site} onChange={(event) => setSite(event.target.value)}>
              <option value="">Choose a site</option>
              {sites.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </Select>
          )}
        </Field>
      )}
      {send.error ? <Notice kind="bad">{(send.error as unknown as Error).message}</Notice> : null}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary" disabled={send.isPending}>
          {send.isPending ? "Sending" : "Send again"}
        </Button>
        <Button onClick={withoutTime} disabled={summary.resent !== null}>
          Let it count now
        </Button>
      </div>
    </form>
  );
}

/** As a sentence begins. */
function capital(line: string): string {
  return line.charAt(0).toUpperCase() + line.slice(1);
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null && !Array.isArray(read)
      ? (read as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
