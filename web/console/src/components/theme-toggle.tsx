"use client";

import { Icon } from "./icon";

/** Light or dark; public/theme.js reads the choice before the first paint. */
export function ThemeToggle() {
  return (
    <button
      type="button"
      className="rounded-md p-2 text-muted hover:bg-sunken hover:text-ink"
      onClick={() => {
        const root = document.documentElement;
        const shown = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
        root.dataset.theme = shown === "dark" ? "light" : "dark";
        try {
          localStorage.setItem("opecom-theme", root.dataset.theme);
        } catch {
          // Without storage it holds for this page.
        }
      }}
    >
      <Icon name="sun" className="size-5" />
      <span className="sr-only">Switch between light and dark</span>
    </button>
  );
}
