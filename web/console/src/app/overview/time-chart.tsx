"use client";

import { type PointerEvent, useState } from "react";

import type { Measure } from "./measures";

export interface Point {
  label: string;
  now: number | null;
  before: number | null;
  beforeLabel: string;
}

const WIDTH = 960;
const HEIGHT = 288;
const LEFT = 76;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 28;

/** One measure over time, the other period dashed beneath. The table below the chart has the same for who cannot see it. */
export function TimeChart({ points, measure, currency }: { points: Point[]; measure: Measure; currency: string }) {
  const [hovered, setHovered] = useState<number | null>(null);
  const most = roundedUp(Math.max(0, ...points.flatMap(({ now, before }) => [now ?? 0, before ?? 0])));
  const step = points.length > 1 ? (WIDTH - LEFT - RIGHT) / (points.length - 1) : 0;
  const x = (place: number) => LEFT + place * step;
  const y = (value: number) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (most > 0 ? value / most : 0);
  const every = Math.max(1, Math.ceil(points.length / 9));
  const hover = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const place = step > 0 ? Math.round((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / step) : 0;
    setHovered(place >= 0 && place < points.length ? place : null);
  };
  const point = hovered === null ? undefined : points[hovered];
  return (
    <div className="relative" aria-hidden="true">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        className="w-full"
        onPointerMove={hover}
        onPointerLeave={() => setHovered(null)}
      >
        {[0, 0.25, 0.5, 0.75, 1].map((share) => (
          <g key={share}>
            <line x1={LEFT} x2={WIDTH - RIGHT} y1={y(share * most)} y2={y(share * most)} className="stroke-line" />
            <text
              x={LEFT - 10}
              y={y(share * most) + 4}
              textAnchor="end"
              className="fill-muted text-[12px] tabular-nums"
            >
              {measure.shown(share * most, currency)}
            </text>
          </g>
        ))}
        {points.map(({ label }, place) =>
          place % every === 0 ? (
            <text key={label} x={x(place)} y={HEIGHT - 6} textAnchor="middle" className="fill-muted text-[12px]">
              {label}
            </text>
          ) : null,
        )}
        <Line
          values={points.map(({ before }) => before)}
          x={x}
          y={y}
          className="stroke-gold-bright [stroke-dasharray:5_4]"
        />
        <Line values={points.map(({ now }) => now)} x={x} y={y} className="stroke-lapis" />
        {hovered !== null && point ? (
          <>
            <line x1={x(hovered)} x2={x(hovered)} y1={TOP} y2={HEIGHT - BOTTOM} className="stroke-field" />
            {point.now === null ? null : <circle cx={x(hovered)} cy={y(point.now)} r={4} className="fill-lapis" />}
          </>
        ) : null}
      </svg>
      {point ? (
        <div className="pointer-events-none absolute top-0 right-2 rounded-md border border-line bg-card px-3 py-2 text-sm tabular-nums shadow-card">
          <p className="font-medium">{measure.shown(point.now, currency)}</p>
          <p className="text-muted">{point.label}</p>
          {point.before === null ? null : (
            <p className="mt-1 text-gold">
              {measure.shown(point.before, currency)}, {point.beforeLabel}
            </p>
          )}
        </div>
      ) : null}
    </div>
  );
}

/** The values as lines; where one is missing the line is interrupted, and one that stands alone is a dot. */
function Line({
  values,
  x,
  y,
  className,
}: {
  values: (number | null)[];
  x: (place: number) => number;
  y: (value: number) => number;
  className: string;
}) {
  const known = (place: number) => typeof values[place] === "number";
  const path = values
    .map((value, place) =>
      value === null ? "" : `${known(place - 1) ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`,
    )
    .join("");
  return (
    <>
      <path d={path} fill="none" strokeWidth={2.25} strokeLinejoin="round" className={className} />
      {values.map((value, place) =>
        value !== null && !known(place - 1) && !known(place + 1) ? (
          <circle
            key={x(place)}
            cx={x(place)}
            cy={y(value)}
            r={3}
            fill="none"
            strokeWidth={2.25}
            className={className}
          />
        ) : null,
      )}
    </>
  );
}

/** The next 1, 2, 2.5 or 5 times a power of ten: quarters of it read well. */
function roundedUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= value * 0.999) ?? 10) * power;
}
