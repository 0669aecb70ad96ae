import clsx from "clsx";

export type Band = "low" | "building" | "high";

const BANDS: Record<Band, string> = {
  low: "bg-sunken text-muted",
  building: "bg-gold-soft text-gold",
  high: "bg-good-soft text-good",
};

/** low, building or high, as a word and a colour. */
export function BandBadge({ band }: { band: Band }) {
  return (
    <span className={clsx("inline-block rounded-full px-2.5 py-0.5 text-xs font-medium", BANDS[band])}>{band}</span>
  );
}

/** A share from 0 to 1 as a bar, for beside the number. */
export function Bar({ share, band, className }: { share: number; band?: Band; className?: string }) {
  const colour = band === "high" ? "fill-good" : band === "building" ? "fill-gold-bright" : "fill-lapis";
  return (
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" className={clsx("h-1.5 w-full", className)}>
      <rect width="100" height="6" rx="3" className="fill-sunken" />
      {share > 0 ? <rect width={Math.max(1, 100 * Math.min(1, share))} height="6" rx="3" className={colour} /> : null}
    </svg>
  );
}

/** How a value from 0 to 1 moved, the newest at the right. */
export function Sparkline({ values, className }: { values: number[]; className?: string }) {
  if (values.length < 2) return <span className={className} />;
  const step = 100 / (values.length - 1);
  const points = values.map((value, place) => `${(place * step).toFixed(1)},${(27 - 24 * value).toFixed(1)}`);
  return (
    <svg viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true" className={clsx("h-7 w-24", className)}>
      <polyline
        points={points.join(" ")}
        fill="none"
        className="stroke-lapis"
        strokeWidth={1.6}
        vectorEffect="non-scaling-stroke"
        strokeLinejoin="round"
      />
    </svg>
  );
}
