"use client";

import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";

import type { Measure } from "./measures";

export interface Point {
  label: string;
  now: number | null;
  before: number | null;
  beforeLabel: string;
}

const AXIS = { fontSize: 12, fill: "var(--muted)" };

/** One measure over time, the other period dashed beneath. The table below the chart has the same for who cannot see it. */
export default function TimeChart({
  points,
  measure,
  currency,
}: {
  points: Point[];
  measure: Measure;
  currency: string;
}) {
  const compared = points.some(({ before }) => before !== null);
  return (
    <div className="h-72" aria-hidden="true">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart data={points} margin={{ top: 8, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis dataKey="label" tick={AXIS} tickLine={false} axisLine={{ stroke: "var(--line)" }} minTickGap={40} />
          <YAxis
            tick={AXIS}
            tickLine={false}
            axisLine={false}
            width={72}
            tickFormatter={(value: number) => measure.shown(value, currency)}
          />
          <Tooltip
            cursor={{ stroke: "var(--field)" }}
            content={({ payload }) => <Hover payload={payload} {...{ measure, currency }} />}
          />
          {compared ? (
            <Line
              dataKey="before"
              stroke="var(--gold-bright)"
              strokeDasharray="5 4"
              strokeWidth={1.75}
              dot={false}
              isAnimationActive={false}
            />
          ) : null}
          <Line
            dataKey="now"
            stroke="var(--lapis)"
            strokeWidth={2.25}
            dot={points.length === 1}
            isAnimationActive={false}
          />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

function Hover({
  payload,
  measure,
  currency,
}: {
  payload: readonly { payload?: unknown }[] | undefined;
  measure: Measure;
  currency: string;
}) {
  const point = payload?.[0]?.payload as Point | undefined;
  if (!point) return null;
  return (
    <div className="rounded-md border border-line bg-card px-3 py-2 text-sm tabular-nums shadow-card">
      <p className="font-medium">{measure.shown(point.now, currency)}</p>
      <p className="text-muted">{point.label}</p>
      {point.before === null ? null : (
        <p className="mt-1 text-gold">
          {measure.shown(point.before, currency)}, {point.beforeLabel}
        </p>
      )}
    </div>
  );
}
