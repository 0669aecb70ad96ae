import clsx from "clsx";
import { type ReactNode, useId } from "react";

/** A surface with a heading. */
export function Card({
  title,
  note,
  actions,
  className,
  children,
}: {
  title?: string;
  note?: ReactNode;
  actions?: ReactNode;
  className?: string;
  children: ReactNode;
}) {
  const heading = useId();
  return (
    <section
      aria-labelledby={title ? heading : undefined}
      className={clsx("min-w-0 rounded-xl border border-line bg-card p-4 shadow-card sm:p-6", className)}
    >
      {title ? (
        <div className="mb-4 flex flex-wrap items-start justify-between gap-3">
          <div>
            <h2 id={heading} className="font-semibold">
              {title}
            </h2>
            {note ? <p className="mt-0.5 text-sm text-muted">{note}</p> : null}
          </div>
          {actions}
        </div>
      ) : null}
      {children}
    </section>
  );
}

/** One number with its name; `change` stands below. */
export function Stat({ label, value, change }: { label: string; value: ReactNode; change?: ReactNode }) {
  return (
    <div className="min-w-0 rounded-xl border border-line bg-card px-4 py-3.5 shadow-card sm:px-5">
      <p className="text-sm text-muted">{label}</p>
      <p className="mt-0.5 truncate text-2xl font-semibold tracking-tight tabular-nums">{value}</p>
      {change ? <p className="mt-0.5 text-xs text-muted tabular-nums">{change}</p> : null}
    </div>
  );
}
