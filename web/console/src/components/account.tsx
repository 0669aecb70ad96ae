"use client";

import { type FormEvent, useEffect, useRef, useState } from "react";

import { useEnter, useLeave, useSignIn } from "@/api/sign-in";

import { Button } from "./button";
import { Dialog } from "./dialog";
import { Input } from "./form";
import { Notice } from "./states";

/** Who is signed in, with the way in and out. */
export function Account() {
  const { data } = useSignIn();
  const leave = useLeave();
  const [open, setOpen] = useState(false);
  if (!data) return <div className="h-9 w-20" />;
  if (data.state === "signed_in") {
    return (
      <div className="flex items-center gap-3 text-sm">
        <span className="text-muted">
          Key <b className="font-medium text-ink">{data.who}</b>
        </span>
        <Button onClick={() => leave.mutate()} disabled={leave.isPending}>
          Sign out
        </Button>
      </div>
    );
  }
  return (
    <>
      <Button icon="key" onClick={() => setOpen(true)}>
        Sign in
      </Button>
      <SignInDialog open={open} onClose={() => setOpen(false)} />
    </>
  );
}

export function SignInDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const enter = useEnter();
  const field = useRef<HTMLInputElement>(null);
  const [key, setKey] = useState("");
  useEffect(() => {
    if (open) field.current?.focus();
  }, [open]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    enter.mutate(key, {
      onSuccess: () => {
        setKey("");
        onClose();
      },
    });
  };
  return (
    <Dialog open={open} onClose={onClose} title="Sign in with a key">
      <form onSubmit={submit} className="space-y-4">
        <p className="text-muted">
          A secret key says what you may see. The first start printed an admin key; another one is made by{" "}
          <code className="rounded bg-sunken px-1.5 py-0.5 font-mono text-[0.85em] text-ink">
            opecom keys add NAME --scope admin
          </code>
          . This browser keeps no key, only a sign-in of eight hours.
        </p>
        <label className="block">
          <span className="mb-1 block text-sm font-medium">Secret key</span>
          <Input
            ref={field}
            type="password"
            name="key"
            autoComplete="current-password"
            required
            value={key}
            onChange={(event) => setKey(event.target.value)}
            className="w-full font-mono"
          />
        </label>
        {enter.error ? <Notice kind="bad">{enter.error.message}</Notice> : null}
        <div className="flex justify-end gap-3">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" disabled={enter.isPending}>
            Sign in
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
