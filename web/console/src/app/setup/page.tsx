import type { Metadata } from "next";

import { Page } from "@/components/page";

import { Setup } from "./setup";

export const metadata: Metadata = { title: "Set up" };

export default function Place() {
  return (
    <Page
      title="Set up"
      lead="Name your shop, paste its tag, and see the first event come. Then hand out keys to those who read."
    >
      <Setup />
    </Page>
  );
}
