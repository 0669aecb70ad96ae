import type { Schemas } from "@/api/client";
import { asCount, asMoney, asPercent } from "@/components/format";
import type { Column } from "@/components/table";

type Row = { figures: Schemas["SegmentFigures"]["figures"] };

export const SESSIONS: Column<Row> = {
  id: "sessions",
  header: "Sessions",
  numeric: true,
  value: (row) => row.figures.sessions,
  cell: (row) => asCount(row.figures.sessions),
};

/** What sessions came to: the part that bought, and what they paid. */
export const MONEY: Column<Row>[] = [
  {
    id: "conversion",
    header: "Conversion",
    numeric: true,
    value: (row) => row.figures.conversion.value,
    cell: (row) => asPercent(row.figures.conversion.value),
  },
  {
    id: "average",
    header: "Average order",
    numeric: true,
    value: (row) => row.figures.average_order_value,
    cell: (row) => asMoney(row.figures.average_order_value, row.figures.currency),
  },
  {
    id: "revenue",
    header: "Revenue",
    numeric: true,
    value: (row) => row.figures.revenue,
    cell: (row) => asMoney(row.figures.revenue, row.figures.currency),
  },
];
