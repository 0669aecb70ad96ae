"use client";

import { useMutation } from "@tanstack/react-query";
import clsx from "clsx";
import { type DragEvent, useRef, useState } from "react";

import { changeHeaders, refusal } from "@/api/client";
import { Button } from "@/components/button";
import { download } from "@/components/csv";
import { asCount } from "@/components/format";
import { Notice } from "@/components/states";

interface Scored {
  name: string;
  rows: number;
  yes: number;
  text: string;
}

/** A table of sessions is scored by the batch route and comes back as CSV, row by row. */
async function score(file: File, model: string): Promise<Scored> {
  const query = new URLSearchParams({ reasons: "true", ...(model ? { model } : {}) });
  const response = await fetch(`/api/predict/batch?${query}`, {
    method: "POST",
    headers: { ...(await changeHeaders()), "Content-Type": "text/csv" },
    body: file,
  });
  if (!response.ok) throw await refusal(response);
  const text = await response.text();
  const lines = text.split("\r\n").slice(1).filter(Boolean);
  const yes = lines.filter((line) => line.split(",")[1] === "YES").length;
  return { name: file.name.replace(/\.[^.]*$/, ""), rows: lines.length, yes, text };
}

export function ScoreFile({ model }: { model: string }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const scoring = useMutation({ mutationFn: (file: File) => score(file, model) });
  const take = (files: FileList | null) => {
    const file = files?.[0];
    if (file) scoring.mutate(file);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  return (
    <div className="space-y-4">
      <div
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        className={clsx(
          "rounded-lg border border-dashed px-4 py-6 text-center text-sm",
          over ? "border-lapis bg-lapis-soft" : "border-field",
        )}
      >
        <p className="mb-3 text-muted">
          Drop a CSV of sessions here, with UCI&rsquo;s columns or the API&rsquo;s; up to 16 MiB.
        </p>
        <input
          ref={input}
          type="file"
          accept=".csv,text/csv"
          aria-label="CSV file of sessions"
          className="sr-only"
          tabIndex={-1}
          onChange={(event) => take(event.target.files)}
        />
        <Button onClick={() => input.current?.click()} disabled={scoring.isPending}>
          {scoring.isPending ? "Scoring…" : "Choose a file"}
        </Button>
      </div>
      {scoring.error ? <Notice kind="bad">{scoring.error.message}</Notice> : null}
      {scoring.data ? (
        <div className="flex flex-wrap items-center justify-between gap-3 text-sm" role="status">
          <p>
            {asCount(scoring.data.rows)} sessions scored, {asCount(scoring.data.yes)} of them YES.
          </p>
          <Button
            icon="download"
            onClick={() => download(`${scoring.data.name}-scores.csv`, scoring.data.text, "text/csv;charset=utf-8")}
          >
            Download scores
          </Button>
        </div>
      ) : null}
    </div>
  );
}
