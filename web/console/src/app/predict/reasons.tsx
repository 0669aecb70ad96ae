import type { Schemas } from "@/api/client";

/** By how many points each feature moves the probability, from the reference session: bars to both sides of nothing. */
export function Reasons({ reasons, most = 7 }: { reasons: Schemas["ReasonText"][]; most?: number }) {
  const shown = reasons.slice(0, most);
  const strongest = Math.max(...shown.map((reason) => Math.abs(reason.contribution)), 0.001);
  if (shown.length === 0)
    return <p className="text-sm text-muted">Nothing sets this session apart from the usual one.</p>;
  return (
    <ol className="space-y-3">
      {shown.map(({ feature, contribution, text }) => {
        const width = 50 * (Math.abs(contribution) / strongest);
        const raises = contribution > 0;
        return (
          <li key={feature}>
            <p className="text-sm first-letter:uppercase">{text}</p>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" className="mt-1 h-1.5 w-full">
              <rect width="100" height="4" className="fill-sunken" />
              <rect
                x={raises ? 50 : 50 - width}
                width={width}
                height="4"
                className={raises ? "fill-good" : "fill-bad"}
              />
              <rect x="49.7" width="0.6" height="4" className="fill-field" />
            </svg>
          </li>
        );
      })}
    </ol>
  );
}
