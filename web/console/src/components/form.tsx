import clsx from "clsx";
import { type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, useId } from "react";

const FIELD =
  "h-9 rounded-md border border-field bg-card px-3 text-sm text-ink placeholder:text-muted disabled:opacity-55";

interface InputProps extends InputHTMLAttributes<HTMLInputElement> {
  ref?: Ref<HTMLInputElement>;
}

export function Input({ className, ...rest }: InputProps) {
  return <input className={clsx(FIELD, className)} {...rest} />;
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select className={clsx(FIELD, "pr-8", className)} {...rest} />;
}

/** A label above its control; `children` gets the ids that tie them together. */
export function Field({
  label,
  hint,
  error,
  children,
}: {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: (ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean }) => ReactNode;
}) {
  const id = useId();
  const described = hint || error ? `${id}-more` : undefined;
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": described, "aria-invalid": error !== undefined })}
      {described ? (
        <p id={described} className={clsx("mt-1 text-xs", error ? "text-bad" : "text-muted")}>
          {error ?? hint}
        </p>
      ) : null}
    </div>
  );
}
