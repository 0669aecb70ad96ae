/** How numbers, money and times look: by the reader's locale, times in the site's zone. */

const percent = new Intl.NumberFormat(undefined, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

/** 0.1234 as 12.3 %. */
export function asPercent(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : percent.format(share);
}

export function asCount(count: number | null | undefined): string {
  return count === null || count === undefined ? "–" : whole.format(count);
}

export function asNumber(value: number | null | undefined, digits = 2): string {
  if (value === null || value === undefined) return "–";
  return new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }).format(value);
}

/** An amount with its currency; an empty currency is an amount alone. */
export function asMoney(amount: number | null | undefined, currency: string): string {
  if (amount === null || amount === undefined) return "–";
  if (!/^[A-Z]{3}$/.test(currency))
    return new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount);
  return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
}

/** A moment in ms UTC, in this IANA zone. */
export function asTime(ms: number | null | undefined, timeZone: string, seconds = false): string {
  if (ms === null || ms === undefined) return "–";
  return new Intl.DateTimeFormat(undefined, {
    dateStyle: "medium",
    timeStyle: seconds ? "medium" : "short",
    timeZone,
  }).format(ms);
}

export function asClock(ms: number, timeZone: string): string {
  return new Intl.DateTimeFormat(undefined, { timeStyle: "medium", timeZone }).format(ms);
}

/** Seconds as 42 s, 3 min, 2 h, 5 d. */
export function asDuration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
