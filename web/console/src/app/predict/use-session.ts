"use client";

import { useCallback, useEffect, useState } from "react";

import { useQueryString } from "@/api/site";

import { EXAMPLE, FIELDS, type Session, sessionOf } from "./fields";

/** The form's session. The page's address has what differs from the example, so that a link carries the form. */
export function useSession(): [Session, (changed: Partial<Session>) => void] {
  const { get } = useQueryString();
  const [session, setSession] = useState(() => sessionOf(get));
  const change = useCallback((changed: Partial<Session>) => setSession((before) => ({ ...before, ...changed })), []);
  useEffect(() => {
    const waiting = setTimeout(() => {
      const query = new URLSearchParams(window.location.search);
      for (const { name } of FIELDS) {
        if (session[name] === EXAMPLE[name]) query.delete(name);
        else query.set(name, String(session[name]));
      }
      const text = query.toString();
      window.history.replaceState(null, "", text ? `?${text}` : window.location.pathname);
    }, 300);
    return () => clearTimeout(waiting);
  }, [session]);
  return [session, change];
}

/** `value`, once it has stood still for so long. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const waiting = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(waiting);
  }, [value, ms]);
  return settled;
}
