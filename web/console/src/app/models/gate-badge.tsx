import clsx from "clsx";

const LOOKS = {
  passed: ["passed the gate", "bg-good-soft text-good"],
  forced: ["forced against the gate", "bg-gold-soft text-gold"],
  none: ["not judged", "bg-sunken text-muted"],
} as const;

/** What the gate made of a promotion; nothing where there was none. */
export function GateBadge({ gate, since }: { gate: keyof typeof LOOKS; since: string | null }) {
  if (!since) return null;
  const [label, look] = LOOKS[gate];
  return (
    <span className={clsx("rounded-full px-2.5 py-0.5 text-xs font-medium whitespace-nowrap", look)}>{label}</span>
  );
}
