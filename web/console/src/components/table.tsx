"use client";

import {
  type ColumnDef,
  createSortedRowModel,
  type RowData,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_text,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import clsx from "clsx";
import { type ReactNode, useMemo } from "react";

import { Button } from "./button";
import { downloadCsv } from "./csv";
import { Icon } from "./icon";

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, text: sortFn_text },
});

/** A column: its value sorts and is downloaded, `cell` is how it looks. */
export interface Column<T> {
  id: string;
  /** Empty: the column has buttons, does not sort and is not downloaded. */
  header: string;
  value: (row: T) => string | number | null;
  cell?: (row: T) => ReactNode;
  /** Numbers stand at the right. */
  numeric?: boolean;
}

/**
 * A table that sorts by its headers and can be downloaded. Keep `columns` and `rows` stable: outside of the component, or
 * memoised.
 */
export function DataTable<T extends RowData>({
  caption,
  columns,
  rows,
  file,
  empty,
}: {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  /** Name of the downloaded file without its ending; without it there is no button. */
  file?: string;
  empty?: ReactNode;
}) {
  const defs = useMemo<ColumnDef<typeof features, T>[]>(
    () =>
      columns.map((column) => ({
        id: column.id,
        header: column.header,
        accessorFn: column.value,
        sortUndefined: "last",
      })),
    [columns],
  );
  const table = useTable({ features, columns: defs, data: rows, enableMultiSort: false });
  const byId = new Map(columns.map((column) => [column.id, column]));
  if (rows.length === 0 && empty) return <>{empty}</>;
  return (
    <div>
      <div
        className="relative -mx-4 overflow-x-auto px-4 sm:-mx-6 sm:px-6"
        tabIndex={0}
        role="region"
        aria-label={caption}
      >
        <table className="w-full border-collapse text-sm tabular-nums">
          <caption className="sr-only">{caption}</caption>
          <thead>
            {table.getHeaderGroups().map((group) => (
              <tr key={group.id} className="border-b border-line text-muted">
                {group.headers.map((header) => {
                  const sorted = header.column.getIsSorted();
                  const numeric = byId.get(header.column.id)?.numeric;
                  return (
                    <th
                      key={header.id}
                      scope="col"
                      aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined}
                      className={clsx(
                        "py-2 pr-5 font-medium whitespace-nowrap last:pr-0",
                        numeric ? "text-right" : "text-left",
                      )}
                    >
                      {byId.get(header.column.id)?.header === "" ? (
                        <span className="sr-only">Actions</span>
                      ) : (
                        <button
                          type="button"
                          onClick={header.column.getToggleSortingHandler()}
                          className="inline-flex items-center gap-1 rounded hover:text-ink"
                        >
                          {byId.get(header.column.id)?.header}
                          {sorted ? <Icon name={sorted === "asc" ? "up" : "down"} className="size-3.5" /> : null}
                        </button>
                      )}
                    </th>
                  );
                })}
              </tr>
            ))}
          </thead>
          <tbody>
            {table.getRowModel().rows.map((row) => (
              <tr key={row.id} className="border-b border-line last:border-0">
                {columns.map((column) => (
                  <td
                    key={column.id}
                    className={clsx("py-2.5 pr-5 align-top last:pr-0", column.numeric ? "text-right" : "text-left")}
                  >
                    {column.cell ? column.cell(row.original) : column.value(row.original)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {file ? (
        <div className="mt-3 flex justify-end">
          <Button look="quiet" icon="download" onClick={() => downloadCsv(file, columns, rows)}>
            Download CSV
          </Button>
        </div>
      ) : null}
    </div>
  );
}
