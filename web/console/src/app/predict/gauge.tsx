import { asPercent } from "@/components/format";

const RADIUS = 80;

function at(share: number, radius: number): [number, number] {
  const angle = Math.PI * (1 - share);
  return [100 + radius * Math.cos(angle), 96 - radius * Math.sin(angle)];
}

function arc(share: number): string {
  const [x, y] = at(share, RADIUS);
  return `M ${100 - RADIUS} 96 A ${RADIUS} ${RADIUS} 0 0 1 ${x.toFixed(2)} ${y.toFixed(2)}`;
}

/** The probability as a half circle, with a mark where YES begins. */
export function Gauge({ probability, threshold }: { probability: number; threshold: number | undefined }) {
  const share = Math.min(Math.max(probability, 0.002), 0.9999);
  const mark =
    threshold === undefined ? undefined : ([at(threshold, RADIUS - 12), at(threshold, RADIUS + 12)] as const);
  return (
    <svg
      viewBox="0 0 200 112"
      role="img"
      aria-label={`Probability of a purchase: ${asPercent(probability)}`}
      className="mx-auto block w-full max-w-72"
    >
      <path d={arc(0.9999)} fill="none" strokeWidth={14} strokeLinecap="round" className="stroke-sunken" />
      <path d={arc(share)} fill="none" strokeWidth={14} strokeLinecap="round" className="stroke-lapis" />
      {mark ? (
        <line
          x1={mark[0][0]}
          y1={mark[0][1]}
          x2={mark[1][0]}
          y2={mark[1][1]}
          strokeWidth={3}
          strokeLinecap="round"
          className="stroke-gold-bright"
        />
      ) : null}
      <text x="100" y="88" textAnchor="middle" className="fill-ink text-[30px] font-semibold tabular-nums">
        {asPercent(probability)}
      </text>
    </svg>
  );
}
