/** Who is signed in, and what is open to them. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, changeHeaders, refusal, setCsrf } from "./client";

export type Scope = "read" | "export" | "personal" | "admin";

export interface Site {
  name: string;
  time_zone: string;
}

export interface SignIn {
  state: "signed_in" | "open" | "signed_out";
  who: string;
  scopes: Scope[];
  all_sites: boolean;
  sites: Site[];
  csrf: string;
}

const KEY = ["sign-in"];

async function asked(method: "GET" | "POST" | "DELETE", body?: unknown): Promise<Response> {
  const headers = method === "DELETE" ? await changeHeaders() : {};
  const response = await fetch("/sign-in", {
    method,
    headers: body === undefined ? headers : { "Content-Type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  }).catch(() => {
    throw new ApiError(0, "away", "The server does not answer. Is it running?");
  });
  if (!response.ok) throw await refusal(response);
  return response;
}

function kept(signIn: SignIn): SignIn {
  setCsrf(signIn.csrf);
  return signIn;
}

export function useSignIn() {
  return useQuery({
    queryKey: KEY,
    queryFn: async () => kept((await (await asked("GET")).json()) as SignIn),
    staleTime: 60_000,
  });
}

/** Whether the caller may do what needs this scope; undefined while nobody knows. */
export function useMay(scope: Scope): boolean | undefined {
  return useSignIn().data?.scopes.includes(scope);
}

/** Signs in with a secret key. What the caller before saw is forgotten. */
export function useEnter() {
  const client = useQueryClient();
  return useMutation<SignIn, ApiError, string>({
    mutationFn: async (key) => kept((await (await asked("POST", { key })).json()) as SignIn),
    onSuccess: (signIn) => {
      client.setQueryData(KEY, signIn);
      // Not `clear`: what a page that is open was refused would stay on it.
      void client.resetQueries({ predicate: ({ queryKey }) => queryKey[0] !== KEY[0] });
    },
  });
}

export function useLeave() {
  const client = useQueryClient();
  return useMutation<void, ApiError, void>({
    mutationFn: async () => {
      await asked("DELETE");
      setCsrf("");
    },
    onSuccess: () => client.resetQueries(),
  });
}
