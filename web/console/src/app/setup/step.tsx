import { type ReactNode, useId } from "react";

/** One step, with its number at the side. */
export function Step({
  number,
  title,
  note,
  children,
}: {
  number: number;
  title: string;
  note?: string;
  children: ReactNode;
}) {
  const heading = useId();
  return (
    <li className="grid gap-x-5 border-t border-line py-6 first:border-0 first:pt-1 last:pb-1 sm:grid-cols-[2rem_minmax(0,1fr)]">
      <span
        aria-hidden="true"
        className="mb-2 flex size-8 items-center justify-center rounded-full bg-gold-soft text-sm font-semibold text-gold tabular-nums"
      >
        {number}
      </span>
      <section aria-labelledby={heading} className="min-w-0">
        <h2 id={heading} className="pt-0.5 font-semibold">
          {title}
        </h2>
        {note ? <p className="mt-0.5 mb-4 text-sm text-muted">{note}</p> : <div className="mb-4" />}
        {children}
      </section>
    </li>
  );
}
