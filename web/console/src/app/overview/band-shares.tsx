import type { Schemas } from "@/api/client";

type Row = Pick<Schemas["SpanFigures"], "bands"> & { name: string };

const BANDS = [
  { id: "high", label: "High", fill: "fill-good" },
  { id: "building", label: "Building", fill: "fill-gold-bright" },
  { id: "low", label: "Low", fill: "fill-line" },
] as const;

/** Which share of the sessions of each hour or day is in each band: a column each, the high ones at the bottom. */
export function BandShares({ rows }: { rows: Row[] }) {
  const width = 100 / Math.max(rows.length, 1);
  return (
    <figure className="mt-6">
      <figcaption className="mb-2 flex flex-wrap gap-x-5 gap-y-1 text-sm text-muted">
        <span className="font-medium text-ink">Intent of the sessions</span>
        {BANDS.map(({ id, label, fill }) => (
          <span key={id} className="inline-flex items-center gap-2">
            <svg viewBox="0 0 10 10" className="size-2.5" aria-hidden="true">
              <rect width="10" height="10" rx="2" className={fill} />
            </svg>
            {label}
          </span>
        ))}
      </figcaption>
      <svg
        viewBox="0 0 100 24"
        preserveAspectRatio="none"
        className="h-24 w-full"
        role="img"
        aria-label={described(rows)}
      >
        {rows.map((row, place) => {
          const total = BANDS.reduce((sum, { id }) => sum + (row.bands[id] ?? 0), 0);
          let below = 0;
          return BANDS.map(({ id, fill }) => {
            const height = total ? (24 * (row.bands[id] ?? 0)) / total : 0;
            below += height;
            return (
              <rect
                key={`${place}-${id}`}
                x={place * width + width * 0.08}
                y={24 - below}
                width={width * 0.84}
                height={height}
                className={fill}
              />
            );
          });
        })}
      </svg>
    </figure>
  );
}

function described(rows: Row[]): string {
  const sums = BANDS.map(({ id, label }) => `${label} ${rows.reduce((sum, row) => sum + (row.bands[id] ?? 0), 0)}`);
  return `Sessions by band: ${sums.join(", ")}. The table below has each span.`;
}
