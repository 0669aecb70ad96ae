import type { Metadata } from "next";

import { Page } from "@/components/page";
import { Empty } from "@/components/states";

export const metadata: Metadata = { title: "Models" };

export default function Place() {
  return (
    <Page title="Models">
      <Empty title="Being built" />
    </Page>
  );
}
