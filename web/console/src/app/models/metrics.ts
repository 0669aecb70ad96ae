/** Metrics of manifests, by name and number of the event: `auc_3_test` is the AUC at the third event. */

/** 0 stands for all events. */
export interface Metric {
  name: string;
  event: number;
  values: (number | null)[];
}

/** Of which a smaller value is better. */
const LOSSES = new Set(["log_loss", "brier", "ece"]);

const LABELS: Record<string, string> = {
  auc: "AUC",
  pr_auc: "Area under precision and recall",
  log_loss: "Log-loss",
  brier: "Brier score",
  ece: "Calibration error",
  precision: "Precision",
  recall: "Recall",
  f1: "F1",
  log_loss_validation: "Log-loss, validation days",
};

/** The metrics of several manifests side by side, by name, then by event. */
export function paired(manifests: { metrics: Record<string, number> }[]): Metric[] {
  const keys = [...new Set(manifests.flatMap(({ metrics }) => Object.keys(metrics)))];
  const order = Object.keys(LABELS);
  return keys
    .map((key) => ({ ...parsed(key), values: manifests.map(({ metrics }) => metrics[key] ?? null) }))
    .sort(
      (one, other) =>
        place(order, one.name) - place(order, other.name) ||
        one.name.localeCompare(other.name, undefined, { numeric: true }) ||
        one.event - other.event,
    );
}

export function parsed(key: string): { name: string; event: number } {
  const bare = key.replace(/_test$/, "");
  const numbered = /^(auc|pr_auc|log_loss|brier|ece)_(\d+)$/.exec(bare);
  return numbered?.[1] ? { name: numbered[1], event: Number(numbered[2]) } : { name: bare, event: 0 };
}

export function label({ name, event }: { name: string; event: number }): string {
  const top = /^p_at_(\d+)$/.exec(name);
  const words = top?.[1] ? `Precision of the highest ${top[1]} %` : (LABELS[name] ?? name.replaceAll("_", " "));
  return event ? `${words}, event ${event}` : words;
}

/** Whether the second value is better than the first, null: neither. */
export function isBetter(name: string, [one, other]: (number | null | undefined)[]): boolean | null {
  if (one === null || one === undefined || other === null || other === undefined || one === other) return null;
  return LOSSES.has(name.replace(/_validation$/, "")) ? other < one : other > one;
}

/** With as many digits each, so that a column can be read down. */
export function asFixed(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function place(order: string[], name: string): number {
  const found = order.indexOf(name);
  return found < 0 ? order.length : found;
}
