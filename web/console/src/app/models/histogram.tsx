import { asPercent } from "@/components/format";

const WIDTH = 100;

/** Shares of the same bins before and now, as two bars each; the numbers stand beside them. */
export function Histogram({
  bins,
  before,
  now,
  label,
}: {
  bins: string[];
  before: number[];
  now: number[];
  label: string;
}) {
  const most = Math.max(...before, ...now, 0.01);
  return (
    <table className="mt-3 w-full table-fixed text-xs tabular-nums">
      <caption className="sr-only">{label}: shares before and now</caption>
      <thead className="text-muted">
        <tr>
          <th scope="col" className="w-[30%] pb-1 text-left font-normal">
            value
          </th>
          <th scope="col" className="pb-1 text-left font-normal">
            <span className="mr-3 inline-flex items-center gap-1.5">
              <Swatch className="fill-field" /> before
            </span>
            <span className="inline-flex items-center gap-1.5">
              <Swatch className="fill-gold-bright" /> now
            </span>
          </th>
          <th scope="col" className="w-16 pb-1 text-right font-normal">
            before
          </th>
          <th scope="col" className="w-16 pb-1 text-right font-normal">
            now
          </th>
        </tr>
      </thead>
      <tbody>
        {bins.map((bin, place) => (
          <tr key={`${place} ${bin}`}>
            <th scope="row" className="truncate pr-3 text-left font-normal">
              {bin}
            </th>
            <td>
              <svg
                viewBox={`0 0 ${WIDTH} 14`}
                preserveAspectRatio="none"
                aria-hidden="true"
                className="my-0.5 h-4 w-full"
              >
                <rect y="1" height="5" rx="1" width={(WIDTH * (before[place] ?? 0)) / most} className="fill-field" />
                <rect y="8" height="5" rx="1" width={(WIDTH * (now[place] ?? 0)) / most} className="fill-gold-bright" />
              </svg>
            </td>
            <td className="text-right text-muted">{asPercent(before[place])}</td>
            <td className="text-right">{asPercent(now[place])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Swatch({ className }: { className: string }) {
  return (
    <svg viewBox="0 0 8 8" aria-hidden="true" className="size-2">
      <rect width="8" height="8" rx="2" className={className} />
    </svg>
  );
}
