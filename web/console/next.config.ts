import type { NextConfig } from "next";

/** Of a stack that runs, for `npm run dev`; the export has no server of its own. */
const stack = process.env.OPECOM_CONSOLE;

const config: NextConfig = {
  ...(stack
    ? {
        rewrites: async () =>
          ["/api/:path*", "/sign-in"].map((source) => ({ source, destination: `${stack}${source}` })),
      }
    : { output: "export" as const }),
  trailingSlash: true,
  skipTrailingSlashRedirect: true,
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
};

export default config;
