"use client";

import clsx from "clsx";

import { asNumber } from "@/components/format";

export interface Interval {
  label: string;
  value: number;
  low: number;
  high: number;
  isDifference: boolean;
}

/** Intervals over one another on one axis, with the line of no difference; the table beside it has the numbers. */
export function Intervals({
  rows,
  unit,
  scale = 1,
  digits = 2,
}: {
  rows: Interval[];
  unit: string;
  scale?: number;
  digits?: number;
}) {
  if (rows.length === 0) return null;
  const reach = Math.max(...rows.map(({ low, high }) => Math.max(Math.abs(low), Math.abs(high)))) * 1.08 || 1;
  const place = (value: number) => 50 + (50 * value) / reach;
  const number = (value: number) => `${value > 0 ? "+" : ""}${asNumber(value * scale, digits)}`;
  return (
    <figure>
      <ul className="space-y-3">
        {rows.map((row) => (
          <li key={row.label}>
            <p className="flex flex-wrap justify-between gap-x-4 text-sm">
              <span className="break-words">{row.label}</span>
              <span className="tabular-nums">
                {number(row.value)} {unit}
                <span className="text-muted">
                  {" "}
                  ({number(row.low)} to {number(row.high)})
                </span>
              </span>
            </p>
            <svg viewBox="0 0 100 6" preserveAspectRatio="none" className="mt-1 h-4 w-full" aria-hidden="true">
              <rect x="0" y="0" width="100" height="6" rx="1" className="fill-sunken" />
              <path d="M50 0V6" className="stroke-gold" strokeWidth="0.5" />
              <rect
                x={place(row.low)}
                y="2"
                width={Math.max(place(row.high) - place(row.low), 0.4)}
                height="2"
                className={clsx(row.isDifference ? "fill-lapis" : "fill-field")}
              />
              <path d={`M${place(row.value)} 1V5`} className="stroke-ink" strokeWidth="0.6" />
            </svg>
          </li>
        ))}
      </ul>
      <figcaption className="mt-2 flex justify-between text-xs text-muted tabular-nums">
        <span>{number(-reach)}</span>
        <span>no difference</span>
        <span>{number(reach)}</span>
      </figcaption>
    </figure>
  );
}
