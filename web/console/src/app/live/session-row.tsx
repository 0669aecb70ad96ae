import Link from "next/link";
import { memo } from "react";

import { asClock, asNumber, asPercent } from "@/components/format";
import { BandBadge, Sparkline } from "@/components/intent";

import type { LiveSession } from "./feed";

/** One session; drawn anew only when it has changed. */
export const SessionRow = memo(function SessionRow({ session, zone }: { session: LiveSession; zone: string }) {
  const { intent, trend, path } = session;
  const query = new URLSearchParams({ id: intent.session_id, site: intent.site });
  const quantity = intent.signals?.cart_quantity ?? 0;
  return (
    <tr className="border-b border-line last:border-0" data-session={intent.session_id}>
      <td className="truncate py-2.5 pr-4">
        <Link href={`/session/?${query}`} prefetch={false} className="font-medium text-lapis hover:underline">
          {intent.session_id.length > 14 ? `${intent.session_id.slice(0, 13)}…` : intent.session_id}
        </Link>
        <p className="flex gap-1 text-xs whitespace-nowrap text-muted">
          <span className="min-w-0 truncate">{intent.site}</span>
          <span>
            · {asClock(intent.updated_at, zone)}
            {intent.status === "open" ? "" : " · ended"}
          </span>
        </p>
      </td>
      <td className="py-2.5 pr-4 text-right font-semibold whitespace-nowrap">{asPercent(intent.probability)}</td>
      <td className="hidden py-2.5 pr-4 sm:table-cell">
        <Sparkline values={trend} />
      </td>
      <td className="py-2.5 sm:pr-4">
        <BandBadge band={intent.band} />
      </td>
      <td className="hidden max-w-56 truncate py-2.5 pr-4 text-muted lg:table-cell" title={path}>
        {path || "–"}
      </td>
      <td className="hidden py-2.5 pr-4 text-right whitespace-nowrap md:table-cell">
        {quantity > 0 ? `${asNumber(quantity, 0)} · ${asNumber(intent.signals?.cart_value, 2)}` : "–"}
      </td>
      <td className="hidden truncate py-2.5 text-muted xl:table-cell">
        <span className="block truncate first-letter:uppercase" title={intent.reasons[0]?.text}>
          {intent.reasons[0]?.text ?? ""}
        </span>
      </td>
    </tr>
  );
});
