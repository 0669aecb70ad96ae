import type { Metadata } from "next";

import { Page } from "@/components/page";
import { Empty } from "@/components/states";

export const metadata: Metadata = { title: "Operations" };

export default function Place() {
  return (
    <Page title="Operations">
      <Empty title="Being built" />
    </Page>
  );
}
