"use client";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { ApiError } from "./client";

/** A refusal stays one however often it is asked; only a server that is away or busy is asked again. */
function again(count: number, error: Error): boolean {
  const status = error instanceof ApiError ? error.status : 0;
  return count < 2 && (status === 0 || status === 503 || status === 429);
}

export function Providers({ children }: { children: ReactNode }) {
  const [client] = useState(
    () =>
      new QueryClient({ defaultOptions: { queries: { retry: again, staleTime: 5_000, refetchOnWindowFocus: false } } }),
  );
  return <QueryClientProvider client={client}>{children}</QueryClientProvider>;
}
