"use client";

import clsx from "clsx";
import { useMemo } from "react";

import { useQueryString } from "@/api/site";
import { Card } from "@/components/card";
import { Field, Select } from "@/components/form";
import { Empty, Notice } from "@/components/states";
import { type Column, DataTable } from "@/components/table";

import { asFixed, isBetter, label, type Metric, paired } from "./metrics";
import type { Model } from "./queries";

/** Two versions, metric by metric and event by event. */
export function CompareCard({ models }: { models: Model[] }) {
  const { get, set } = useQueryString();
  const one = models.find(({ version }) => version === get("a")) ?? models[1];
  const other = models.find(({ version }) => version === get("b")) ?? models[0];
  const rows = useMemo(() => (one && other ? paired([one, other]) : []), [one, other]);
  if (!one || !other || models.length < 2) {
    return (
      <Card title="Comparison">
        <Empty title="There is one version">Two can be compared as soon as another one is trained or learned.</Empty>
      </Card>
    );
  }
  return (
    <Card title="Comparison" note="Each version on the test data of its own training.">
      <div className="mb-4 grid gap-4 sm:grid-cols-2">
        <Chosen label="Version" models={models} version={one.version} onChoose={(version) => set({ a: version })} />
        <Chosen
          label="Compared with"
          models={models}
          version={other.version}
          onChoose={(version) => set({ b: version })}
        />
      </div>
      {one.data_sha256 === other.data_sha256 ? null : (
        <div className="mb-4">
          <Notice kind="warn">
            They were tested on different data, so their metrics do not compare like with like. Their shadow does:
            promote one.
          </Notice>
        </div>
      )}
      <DataTable
        caption={`${one.version} and ${other.version}`}
        columns={COLUMNS}
        rows={rows}
        file={`${one.version}-and-${other.version}`}
      />
    </Card>
  );
}

function Chosen({
  label: text,
  models,
  version,
  onChoose,
}: {
  label: string;
  models: Model[];
  version: string;
  onChoose: (version: string) => void;
}) {
  return (
    <Field label={text}>
      {(ids) => (
        <Select {...ids} value={version} onChange={(event) => onChoose(event.target.value)} className="w-full">
          {models.map((each) => (
            <option key={each.version}>{each.version}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

const COLUMNS: Column<Metric>[] = [
  { id: "metric", header: "Metric", value: label },
  {
    id: "one",
    header: "Version",
    numeric: true,
    value: ({ values }) => values[0] ?? null,
    cell: ({ values }) => asFixed(values[0], 4),
  },
  {
    id: "other",
    header: "Compared with",
    numeric: true,
    value: ({ values }) => values[1] ?? null,
    cell: ({ values }) => asFixed(values[1], 4),
  },
  {
    id: "difference",
    header: "Difference",
    numeric: true,
    value: difference,
    cell: (metric) => <Difference metric={metric} />,
  },
];

function difference({ values: [one, other] }: Metric): number | null {
  return one === null || one === undefined || other === null || other === undefined ? null : other - one;
}

function Difference({ metric }: { metric: Metric }) {
  const moved = difference(metric);
  const better = isBetter(metric.name, metric.values);
  if (moved === null) return <>–</>;
  return (
    <span className={clsx(better === true && "text-good", better === false && "text-bad")}>
      {moved > 0 ? "+" : ""}
      {asFixed(moved, 4)}
      {better === null ? null : <span className="sr-only">{better ? " better" : " worse"}</span>}
    </span>
  );
}
