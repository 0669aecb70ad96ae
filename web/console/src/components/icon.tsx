/** Line drawings of 24 by 24, in the colour of the text around them. */

const PATHS = {
  mark: "M3 17 9 9l4.5 4L21 5",
  menu: "M4 7h16M4 12h16M4 17h16",
  overview: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  live: "M3 12h4l3-7 4 14 3-7h4",
  predict: "M4 15a8 8 0 0 1 16 0M12 15l4-5M3 19h18",
  models: "M12 3 3 8l9 5 9-5-9-5ZM3 13l9 5 9-5",
  experiments: "M9 3h6M10 3v6l-5 9a2 2 0 0 0 2 3h10a2 2 0 0 0 2-3l-5-9V3M8 15h8",
  interventions: "M4 5h16v11h-9l-4 4v-4H4zM8 9h8M8 12h5",
  operations: "M4 6h16v5H4zM4 13h16v5H4zM8 8.5h.01M8 15.5h.01",
  setup: "M5 12l4 4L19 6",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5 19 19M5 19l1.5-1.5M17.5 6.5 19 5",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  copy: "M9 9h10v11H9zM5 15V4h10",
  key: "M14 10a4 4 0 1 0-3.5 4L12 15.5V18h2.5v2H18v-3l-4.2-4.2A4 4 0 0 0 14 10Z",
  up: "M6 14l6-6 6 6",
  down: "M6 10l6 6 6-6",
  close: "M6 6l12 12M18 6 6 18",
  pause: "M8 5v14M16 5v14",
  play: "M8 5l11 7-11 7Z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, className }: { name: IconName; className?: string }) {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      className={className}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
