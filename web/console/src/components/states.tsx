"use client";

import type { UseQueryResult } from "@tanstack/react-query";
import clsx from "clsx";
import { type ReactNode, useState } from "react";

import { ApiError } from "@/api/client";
import { useSignIn } from "@/api/sign-in";

import { SignInDialog } from "./account";
import { Button } from "./button";

/** What stands where content will be. */
export function Loading({ what, className }: { what: string; className?: string }) {
  return (
    <div role="status" className={clsx("space-y-3 py-2", className)}>
      <span className="sr-only">Loading {what}</span>
      <div className="h-4 w-1/3 animate-pulse rounded bg-sunken" />
      <div className="h-4 w-2/3 animate-pulse rounded bg-sunken" />
      <div className="h-4 w-1/2 animate-pulse rounded bg-sunken" />
    </div>
  );
}

/** Nothing is there yet, and what brings it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="px-4 py-10 text-center">
      <p className="font-medium">{title}</p>
      {children ? <div className="mx-auto mt-1 max-w-[34rem] text-sm text-muted">{children}</div> : null}
    </div>
  );
}

const NOTICES = {
  plain: "border-line bg-sunken text-ink",
  good: "border-good bg-good-soft text-good",
  warn: "border-gold bg-gold-soft text-gold",
  bad: "border-bad bg-bad-soft text-bad",
} as const;

export function Notice({ kind = "plain", children }: { kind?: keyof typeof NOTICES; children: ReactNode }) {
  return (
    <div
      role={kind === "bad" ? "alert" : "status"}
      className={clsx("rounded-md border px-3.5 py-2.5 text-sm", NOTICES[kind])}
    >
      {children}
    </div>
  );
}

/** Why there is no answer, and what to do: sign in, use another key, or try again. */
export function Failed({ error, onRetry }: { error: { reason: string } | Error; onRetry?: () => void }) {
  const { data } = useSignIn();
  const [open, setOpen] = useState(false);
  const status = error instanceof ApiError ? error.status : 0;
  const reason = "reason" in error ? error.reason : error.message;
  if (status === 401 || status === 403) {
    return (
      <div className="px-4 py-10 text-center" role="alert">
        <p className="font-medium">{status === 401 ? "Sign in to see this" : "Your key does not open this"}</p>
        <p className="mx-auto mt-1 mb-4 max-w-[34rem] text-sm text-muted">{reason}</p>
        {data?.state !== "signed_in" ? (
          <Button look="primary" icon="key" onClick={() => setOpen(true)}>
            Sign in with a key
          </Button>
        ) : null}
        <SignInDialog open={open} onClose={() => setOpen(false)} />
      </div>
    );
  }
  return (
    <div className="px-4 py-10 text-center" role="alert">
      <p className="font-medium">There is no answer</p>
      <p className="mx-auto mt-1 mb-4 max-w-[34rem] text-sm text-muted">{reason}</p>
      {onRetry ? <Button onClick={onRetry}>Try again</Button> : null}
    </div>
  );
}

/** A query's data, or what stands in its place. */
export function Loaded<T>({
  query,
  what,
  children,
}: {
  query: Pick<UseQueryResult<T, { reason: string } | Error>, "data" | "error" | "refetch">;
  what: string;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.error) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading what={what} />;
}
