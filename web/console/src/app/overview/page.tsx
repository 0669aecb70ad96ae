import type { Metadata } from "next";

import { Page } from "@/components/page";
import { Empty } from "@/components/states";

export const metadata: Metadata = { title: "Overview" };

export default function Place() {
  return (
    <Page title="Overview">
      <Empty title="Being built" />
    </Page>
  );
}
