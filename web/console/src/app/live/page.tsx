import type { Metadata } from "next";

import { Page } from "@/components/page";
import { Empty } from "@/components/states";

export const metadata: Metadata = { title: "Live" };

export default function Place() {
  return (
    <Page title="Live">
      <Empty title="Being built" />
    </Page>
  );
}
