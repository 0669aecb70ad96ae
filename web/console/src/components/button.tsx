import clsx from "clsx";
import type { ButtonHTMLAttributes } from "react";

import { Icon, type IconName } from "./icon";

const LOOKS = {
  plain: "border-line bg-card text-ink hover:bg-sunken",
  primary: "border-lapis bg-lapis text-on-lapis hover:border-lapis-strong hover:bg-lapis-strong",
  danger: "border-bad bg-card text-bad hover:bg-bad-soft",
  quiet: "border-transparent bg-transparent text-lapis hover:bg-lapis-soft",
} as const;

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
  icon?: IconName;
}

export function Button({ look = "plain", icon, className, children, type = "button", ...rest }: Props) {
  return (
    <button
      type={type}
      className={clsx(
        "inline-flex h-9 items-center justify-center gap-2 rounded-md border px-3.5 text-sm font-medium whitespace-nowrap",
        "transition-colors disabled:cursor-not-allowed disabled:opacity-55",
        LOOKS[look],
        className,
      )}
      {...rest}
    >
      {icon ? <Icon name={icon} className="size-4 shrink-0" /> : null}
      {children}
    </button>
  );
}
