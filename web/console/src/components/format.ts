/** How numbers, money and times look: by the reader's locale, times in the site's zone. */

const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

/** Formats by their options, each made once: making one costs more than all it formats in a row of a live table. */
function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return kept(options, () => new Intl.NumberFormat(undefined, options));
}

function times(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return kept(options, () => new Intl.DateTimeFormat(undefined, options));
}

function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat>(options: object, make: () => T): T {
  const key = JSON.stringify(options);
  const format = (formats.get(key) as T | undefined) ?? make();
  formats.set(key, format);
  return format;
}

/** 0.1234 as 12.3 %. */
export function asPercent(share: number | null | undefined): string {
  if (share === null || share === undefined) return "–";
  return numbers({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(share);
}

export function asCount(count: number | null | undefined): string {
  return count === null || count === undefined ? "–" : numbers({ maximumFractionDigits: 0 }).format(count);
}

export function asNumber(value: number | null | undefined, digits = 2): string {
  if (value === null || value === undefined) return "–";
  return numbers({ maximumFractionDigits: digits }).format(value);
}

/** An amount with its currency; an empty currency is an amount alone. */
export function asMoney(amount: number | null | undefined, currency: string): string {
  if (amount === null || amount === undefined) return "–";
  if (!/^[A-Z]{3}$/.test(currency))
    return numbers({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount);
  return numbers({ style: "currency", currency }).format(amount);
}

/** A moment in ms UTC, in this IANA zone. */
export function asTime(ms: number | null | undefined, timeZone: string, seconds = false): string {
  if (ms === null || ms === undefined) return "–";
  return times({ dateStyle: "medium", timeStyle: seconds ? "medium" : "short", timeZone }).format(ms);
}

export function asClock(ms: number, timeZone: string): string {
  return times({ timeStyle: "medium", timeZone }).format(ms);
}

/** Seconds as 42 s, 3 min, 2 h, 5 d. */
export function asDuration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
