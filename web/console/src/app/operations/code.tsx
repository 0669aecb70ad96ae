/** A line of ours, with what stands between backquotes set as code. */
export function Code({ text }: { text: string }) {
  return (
    <span className="wrap-anywhere">
      {text.split("`").map((part, place) =>
        place % 2 ? (
          <code key={place} className="rounded bg-sunken px-1 py-0.5 font-mono text-[0.85em]">
            {part}
          </code>
        ) : (
          part
        ),
      )}
    </span>
  );
}
