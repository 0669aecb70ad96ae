import type { Metadata } from "next";

import { Page } from "@/components/page";
import { Empty } from "@/components/states";

export const metadata: Metadata = { title: "Set up" };

export default function Place() {
  return (
    <Page title="Set up">
      <Empty title="Being built" />
    </Page>
  );
}
