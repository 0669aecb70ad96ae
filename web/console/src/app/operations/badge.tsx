import clsx from "clsx";

const LOOKS = {
  quiet: "bg-sunken text-muted",
  busy: "bg-lapis-soft text-lapis",
  good: "bg-good-soft text-good",
  warn: "bg-gold-soft text-gold",
  bad: "bg-bad-soft text-bad",
} as const;

export type BadgeLook = keyof typeof LOOKS;

/** A state as a word and a colour. */
export function Badge({ look, children }: { look: BadgeLook; children: string }) {
  return (
    <span
      className={clsx("inline-block rounded-full px-2.5 py-0.5 text-xs font-medium whitespace-nowrap", LOOKS[look])}
    >
      {children}
    </span>
  );
}
