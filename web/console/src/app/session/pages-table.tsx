import type { Schemas } from "@/api/client";
import { asClock, asDuration, asNumber } from "@/components/format";
import { type Column, DataTable } from "@/components/table";
import { Empty } from "@/components/states";

type View = Schemas["PageViewRow"];

/** The pages of the session with the time on each. */
export function PagesTable({ views, zone }: { views: View[]; zone: string }) {
  const columns: Column<View>[] = [
    {
      id: "viewed_at",
      header: "Seen at",
      value: (view) => view.viewed_at,
      cell: (view) => asClock(view.viewed_at, zone),
    },
    {
      id: "page_url",
      header: "Page",
      value: (view) => view.page_url,
      cell: (view) => <span className="font-mono text-xs break-all">{view.page_url}</span>,
    },
    { id: "page_type", header: "Type", value: (view) => view.page_type },
    {
      id: "duration_seconds",
      header: "Time",
      value: (view) => view.duration_seconds,
      cell: (view) => asDuration(view.duration_seconds),
      numeric: true,
    },
    {
      id: "page_value",
      header: "Page value",
      value: (view) => view.page_value,
      cell: (view) => asNumber(view.page_value),
      numeric: true,
    },
  ];
  return (
    <DataTable
      caption="Pages of this session"
      columns={columns}
      rows={views}
      file="pages-of-session"
      empty={<Empty title="No page was seen" />}
    />
  );
}
