import type { Metadata } from "next";

import { Page } from "@/components/page";

import { Models } from "./models";

export const metadata: Metadata = { title: "Models" };

export default function Place() {
  return (
    <Page
      title="Models"
      lead="Which model scores which site, what it is worth, what was learned since, and whether visitors still behave as it knows them."
    >
      <Models />
    </Page>
  );
}
