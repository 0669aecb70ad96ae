"use client";

import clsx from "clsx";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { type ReactNode, Suspense, useState, useSyncExternalStore } from "react";

import { useSignIn } from "@/api/sign-in";

import { Account } from "./account";
import { Icon, type IconName } from "./icon";
import { SitePicker } from "./site-picker";
import { Loading } from "./states";
import { ThemeToggle } from "./theme-toggle";

const PAGES: { href: string; label: string; icon: IconName }[] = [
  { href: "/overview/", label: "Overview", icon: "overview" },
  { href: "/live/", label: "Live", icon: "live" },
  { href: "/predict/", label: "Predict", icon: "predict" },
  { href: "/models/", label: "Models", icon: "models" },
  { href: "/experiments/", label: "Experiments", icon: "experiments" },
  { href: "/interventions/", label: "Interventions", icon: "interventions" },
  { href: "/operations/", label: "Operations", icon: "operations" },
  { href: "/setup/", label: "Set up", icon: "setup" },
];

/** The frame of every page: menu at the side (above, on a phone), site, theme and who is signed in. */
export function Shell({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const hydrated = useHydrated();
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[15rem_minmax(0,1fr)]">
      <a href="#main" className="absolute -top-20 left-4 z-20 rounded-md bg-card px-4 py-2 text-ink focus:top-4">
        Skip to content
      </a>
      <aside className="bg-night text-on-night lg:border-r lg:border-night-line">
        <div className="lg:sticky lg:top-0">
          <div className="flex h-14 items-center justify-between px-4 lg:h-16 lg:px-5">
            <Link href="/" prefetch={false} className="flex items-center gap-2.5 font-semibold tracking-tight">
              <Icon name="mark" className="size-6 text-gold-bright" />
              OP-ECOM
            </Link>
            <button
              type="button"
              className="rounded-md p-2 lg:hidden"
              aria-expanded={open}
              aria-controls="menu"
              onClick={() => setOpen(!open)}
            >
              <Icon name="menu" className="size-5" />
              <span className="sr-only">Menu</span>
            </button>
          </div>
          <nav id="menu" aria-label="Pages" className={clsx("px-3 pb-4 lg:block", !open && "hidden")}>
            <Menu onChoose={() => setOpen(false)} />
          </nav>
        </div>
      </aside>
      <div className="min-w-0">
        <header className="flex min-h-14 flex-wrap items-center justify-end gap-x-4 gap-y-2 border-b border-line bg-card px-4 py-2 sm:px-8 lg:h-16">
          <Suspense>
            <SitePicker />
          </Suspense>
          <ThemeToggle />
          <Account />
        </header>
        <main id="main" tabIndex={-1} className="mx-auto max-w-[88rem] px-4 py-6 outline-none sm:px-8 sm:py-8">
          {hydrated ? <Suspense>{children}</Suspense> : <Loading what="this page" />}
        </main>
      </div>
    </div>
  );
}

/**
 * Whether the page's own HTML has been taken over. Pages are drawn after that: what they show depends on who is signed in
 * and on the address, which the HTML cannot know.
 */
function useHydrated(): boolean {
  return useSyncExternalStore(
    () => () => undefined,
    () => true,
    () => false,
  );
}

function Menu({ onChoose }: { onChoose: () => void }) {
  const path = usePathname();
  const { data } = useSignIn();
  return (
    <ul className="space-y-0.5">
      {PAGES.map(({ href, label, icon }) => {
        const current = path === href || (href === "/live/" && path === "/session/");
        return (
          <li key={href}>
            <Link
              href={href}
              prefetch={false}
              aria-current={current ? "page" : undefined}
              onClick={onChoose}
              className={clsx(
                "flex items-center gap-3 rounded-md border-l-2 px-3 py-2 text-sm focus-visible:outline-gold-bright",
                current
                  ? "border-gold-bright bg-night-line font-medium text-on-night"
                  : "border-transparent text-on-night-muted hover:bg-night-line hover:text-on-night",
              )}
            >
              <Icon name={icon} className="size-4.5 shrink-0" />
              {label}
            </Link>
          </li>
        );
      })}
      <li className="px-3 pt-4 text-xs text-on-night-muted">
        {data?.state === "open" ? "This machine reads without a key." : null}
      </li>
    </ul>
  );
}
