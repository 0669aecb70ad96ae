/** What would change the answer: each feature moved alone, as little as makes the probability cross the threshold. */

import type { FormField, Session } from "./fields";
import { FIELDS } from "./fields";

/** One feature moved, the others as they are. */
export interface Variant {
  field: FormField;
  value: string | number | boolean;
  session: Session;
}

export interface Crossing {
  field: FormField;
  value: string | number | boolean;
  probability: number;
}

/** Values tried of one feature; what is a matter of degree from the nearest to the farthest. */
export function candidates(field: FormField, now: Session[keyof Session]): (string | number | boolean)[] {
  if (field.kind === "switch") return [now !== true];
  if (field.kind === "choice") return field.choices.filter((choice) => choice !== now);
  const value = typeof now === "number" ? now : 0;
  if (field.kind === "code") return codes(field.most).filter((code) => code !== value);
  if (field.kind === "share") return nearest([0, 0.2, 0.4, 0.6, 0.8, 1], value);
  const most = field.kind === "rate" ? 0.2 : field.most;
  const digits = field.kind === "rate" ? 4 : field.kind === "count" ? 0 : 1;
  const steps = field.kind === "count" ? Math.min(most, 40) : 40;
  const grid = codes(steps).map((step) => Number(((most * step) / steps).toFixed(digits)));
  return nearest([...new Set(grid)], value);
}

function codes(most: number): number[] {
  return Array.from({ length: most + 1 }, (_, code) => code);
}

function nearest(values: number[], to: number): number[] {
  return values.filter((value) => value !== to).sort((a, b) => Math.abs(a - to) - Math.abs(b - to));
}

export function variants(session: Session): Variant[] {
  return FIELDS.flatMap((field) =>
    candidates(field, session[field.name]).map((value) => ({
      field,
      value,
      session: { ...session, [field.name]: value } as Session,
    })),
  );
}

/** Of each feature the first variant that has the other label; `scores` are those of the variants, in their order. */
export function crossings(
  tried: Variant[],
  scores: { label: string; probability: number }[],
  label: string,
): Crossing[] {
  const found = new Map<string, Crossing>();
  tried.forEach(({ field, value }, place) => {
    const score = scores[place];
    if (!score || score.label === label || found.has(field.name)) return;
    found.set(field.name, { field, value, probability: score.probability });
  });
  return [...found.values()];
}
