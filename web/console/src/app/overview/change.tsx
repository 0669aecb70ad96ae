import clsx from "clsx";

const signed = new Intl.NumberFormat(undefined, {
  style: "percent",
  maximumFractionDigits: 1,
  signDisplay: "exceptZero",
});
const points = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2, signDisplay: "exceptZero" });

/** How a figure moved against that of the other period: in percent, of shares in percentage points. */
export function Change({
  now,
  before,
  shown,
  share = false,
}: {
  now: number | null;
  before: number | null | undefined;
  shown: string;
  share?: boolean;
}) {
  if (now === null || before === null || before === undefined) return <>Nothing to compare with</>;
  const moved = now - before;
  const text = share ? `${points.format(100 * moved)} points` : before === 0 ? "new" : signed.format(moved / before);
  return (
    <>
      <span className={clsx("font-medium", moved > 0 ? "text-good" : moved < 0 ? "text-bad" : "text-muted")}>
        {text}
      </span>{" "}
      from {shown}
    </>
  );
}
