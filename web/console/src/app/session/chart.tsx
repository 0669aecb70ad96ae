import { asClock, asPercent } from "@/components/format";

import type { Update } from "./steps";

const WIDTH = 720;
const HEIGHT = 180;
const LEFT = 40;

/** The probability after each update, as steps over the updates: time alone would hide what happens in seconds. */
export function ProbabilityChart({ updates, zone }: { updates: Update[]; zone: string }) {
  const inner = WIDTH - LEFT - 8;
  const step = updates.length > 1 ? inner / (updates.length - 1) : 0;
  const x = (place: number) => LEFT + place * step;
  const y = (share: number) => 8 + (HEIGHT - 30) * (1 - share);
  const line = updates.map((update, place) => `${x(place).toFixed(1)},${y(update.probability).toFixed(1)}`).join(" ");
  const last = updates.at(-1);
  const first = updates[0];
  if (!first || !last) return null;
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Probability from ${asPercent(first.probability)} to ${asPercent(last.probability)} over ${updates.length} updates; the table below has each`}
      className="w-full"
    >
      {[0, 0.25, 0.5, 0.75, 1].map((share) => (
        <g key={share}>
          <line x1={LEFT} x2={WIDTH - 8} y1={y(share)} y2={y(share)} className="stroke-line" strokeWidth={1} />
          <text x={LEFT - 8} y={y(share) + 3.5} textAnchor="end" className="fill-muted text-[10px] tabular-nums">
            {100 * share} %
          </text>
        </g>
      ))}
      <polyline points={line} fill="none" className="stroke-lapis" strokeWidth={2} strokeLinejoin="round" />
      {updates.map((update, place) =>
        update.event.type === "purchase" ? (
          <circle key={update.version} cx={x(place)} cy={y(update.probability)} r={5} className="fill-gold-bright" />
        ) : null,
      )}
      <circle cx={x(updates.length - 1)} cy={y(last.probability)} r={3.5} className="fill-lapis" />
      <text x={LEFT} y={HEIGHT - 4} className="fill-muted text-[10px]">
        {asClock(first.occurred_at, zone)}
      </text>
      <text x={WIDTH - 8} y={HEIGHT - 4} textAnchor="end" className="fill-muted text-[10px]">
        {asClock(last.occurred_at, zone)}
      </text>
    </svg>
  );
}
