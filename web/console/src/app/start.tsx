"use client";

import { useRouter } from "next/navigation";
import { useEffect } from "react";

import { api } from "@/api/client";
import { useSignIn } from "@/api/sign-in";
import { Loading } from "@/components/states";

/** A shop whose first event has not come is led to the set-up, every other one to its live sessions. */
export function Start() {
  const router = useRouter();
  const { data: signIn } = useSignIn();
  const sessions = api.useQuery(
    "get",
    "/sessions/live",
    { params: { query: { limit: 1, bots: true } } },
    { enabled: signIn !== undefined && signIn.state !== "signed_out", retry: false },
  );
  useEffect(() => {
    if (sessions.data) router.replace(sessions.data.sessions.length > 0 ? "/live/" : "/setup/");
    else if (sessions.isError) router.replace("/predict/");
  }, [router, sessions.data, sessions.isError]);
  return <Loading what="the console" />;
}
