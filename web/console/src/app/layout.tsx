import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";

import { Providers } from "@/api/providers";
import { Shell } from "@/components/shell";

import "./globals.css";

export const metadata: Metadata = {
  title: { default: "OP-ECOM", template: "%s · OP-ECOM" },
  description: "Live purchase intent of your shop.",
  icons: "/icon.svg",
};

export const viewport: Viewport = { width: "device-width", initialScale: 1, colorScheme: "light dark" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" suppressHydrationWarning>
      <head>
        <script src="/theme.js" />
      </head>
      <body>
        <Providers>
          <Shell>{children}</Shell>
        </Providers>
      </body>
    </html>
  );
}
