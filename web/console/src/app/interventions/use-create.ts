"use client";

import { api } from "@/api/client";

import { useReload } from "./queries";

/** Makes a draft; `onDone` gets its name. */
export function useCreate(onDone: (name: string) => void) {
  const reload = useReload();
  return api.useMutation("post", "/interventions", {
    onSuccess: ({ name }) => {
      reload();
      onDone(name);
    },
  });
}
