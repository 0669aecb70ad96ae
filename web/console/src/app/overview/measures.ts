/** What the chart over time can show. */

import type { Schemas } from "@/api/client";
import { asCount, asMoney, asPercent } from "@/components/format";

type Span = Schemas["SpanFigures"];

export interface Measure {
  id: string;
  label: string;
  value: (span: Span) => number | null;
  shown: (value: number | null, currency: string) => string;
}

export const MEASURES: Measure[] = [
  {
    id: "conversion",
    label: "Conversion",
    value: ({ figures }) => (figures.sessions ? figures.conversion.value : null),
    shown: asPercent,
  },
  { id: "average", label: "Average order value", value: ({ figures }) => figures.average_order_value, shown: asMoney },
  { id: "sessions", label: "Sessions", value: ({ figures }) => figures.sessions, shown: (value) => asCount(value) },
  { id: "revenue", label: "Revenue", value: ({ figures }) => figures.revenue, shown: asMoney },
  { id: "intent", label: "Mean intent", value: ({ mean_intent }) => mean_intent, shown: asPercent },
];

/** The currency of the spans; those without an order have none. */
export function currencyOf(spans: Span[]): string {
  return spans.find(({ figures }) => figures.currency)?.figures.currency ?? "";
}
