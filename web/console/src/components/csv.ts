import type { Column } from "./table";

/** RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it. */
export function csvCell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function downloadCsv<T>(file: string, columns: Column<T>[], rows: T[]): void {
  const told = columns.filter((column) => column.header !== "");
  const lines = [
    told.map((column) => csvCell(column.header)),
    ...rows.map((row) => told.map((column) => csvCell(column.value(row)))),
  ];
  download(`${file}.csv`, lines.map((cells) => `${cells.join(",")}\r\n`).join(""), "text/csv;charset=utf-8");
}

export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
