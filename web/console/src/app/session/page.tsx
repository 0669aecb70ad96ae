import type { Metadata } from "next";

import { Page } from "@/components/page";
import { Empty } from "@/components/states";

export const metadata: Metadata = { title: "Session" };

export default function Place() {
  return (
    <Page title="Session">
      <Empty title="Being built" />
    </Page>
  );
}
