import type { Metadata } from "next";

import { Page } from "@/components/page";
import { Empty } from "@/components/states";

export const metadata: Metadata = { title: "Predict" };

export default function Place() {
  return (
    <Page title="Predict">
      <Empty title="Being built" />
    </Page>
  );
}
