import type { Schemas } from "@/api/client";
import { Stat } from "@/components/card";
import { asCount, asMoney, asPercent } from "@/components/format";

import { Change } from "./change";

/** Conversion and average order value first: they say how well the shop works, the others how large it is. */
export function Headline({ summary }: { summary: Schemas["Summary"] }) {
  const { figures } = summary.current;
  const before = summary.compared?.figures;
  const { conversion, average_order_value: average, revenue, currency } = figures;
  const several = Object.entries(figures.revenue_by_currency)
    .map(([each, amount]) => asMoney(amount, each))
    .join(" + ");
  return (
    <div className="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
      <Stat
        label="Conversion"
        value={asPercent(conversion.value)}
        change={
          before ? (
            <Change
              now={conversion.value}
              before={before.conversion.value}
              shown={asPercent(before.conversion.value)}
              share
            />
          ) : (
            `${asPercent(conversion.low)} to ${asPercent(conversion.high)} with 95 % confidence`
          )
        }
      />
      <Stat
        label="Average order value"
        value={asMoney(average, currency)}
        change={
          before ? (
            <Change
              now={average}
              before={before.average_order_value}
              shown={asMoney(before.average_order_value, before.currency)}
            />
          ) : (
            `${asCount(figures.orders)} orders, before refunds`
          )
        }
      />
      <Stat
        label="Sessions"
        value={asCount(figures.sessions)}
        change={
          before ? (
            <Change now={figures.sessions} before={before.sessions} shown={asCount(before.sessions)} />
          ) : (
            `${asCount(figures.buyers)} of them bought`
          )
        }
      />
      <Stat
        label="Revenue"
        value={revenue === null ? several : asMoney(revenue, currency)}
        change={
          before ? (
            <Change now={revenue} before={before.revenue} shown={asMoney(before.revenue, before.currency)} />
          ) : figures.refunded ? (
            `${asMoney(figures.refunded, currency)} of refunds taken off`
          ) : (
            "No refunds"
          )
        }
      />
    </div>
  );
}
