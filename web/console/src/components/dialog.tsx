"use client";

import { type ReactNode, useEffect, useId, useRef } from "react";

import { Icon } from "./icon";

/** The browser's own modal dialog: it holds the focus, and Escape closes it. */
export function Dialog({
  open,
  onClose,
  title,
  children,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (open && !dialog?.open) dialog?.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  return (
    <dialog
      ref={ref}
      aria-labelledby={heading}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === ref.current) onClose();
      }}
      className="m-auto w-[min(34rem,calc(100vw-2rem))] rounded-xl border border-line bg-card p-0 text-ink shadow-card"
    >
      <div className="p-5 sm:p-6">
        <div className="mb-4 flex items-start justify-between gap-4">
          <h2 id={heading} className="text-lg font-semibold">
            {title}
          </h2>
          <button type="button" onClick={onClose} className="rounded-md p-1 text-muted hover:bg-sunken hover:text-ink">
            <Icon name="close" className="size-5" />
            <span className="sr-only">Close</span>
          </button>
        </div>
        {open ? children : null}
      </div>
    </dialog>
  );
}
