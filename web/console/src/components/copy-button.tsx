"use client";

import { useState } from "react";

import { Button } from "./button";

/** Puts a text on the clipboard, and says that it did. */
export function CopyButton({ label, text }: { label: string; text: () => string }) {
  const [done, setDone] = useState<"" | "Copied" | "Not allowed">("");
  return (
    <Button
      icon="copy"
      className="h-8 px-2.5"
      onClick={() => {
        navigator.clipboard.writeText(text()).then(
          () => setDone("Copied"),
          () => setDone("Not allowed"),
        );
        setTimeout(() => setDone(""), 2_000);
      }}
    >
      <span aria-live="polite">{done || label}</span>
    </Button>
  );
}
