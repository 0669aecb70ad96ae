import type { Metadata } from "next";

import { Page } from "@/components/page";

import { Experiments } from "./experiments";

export const metadata: Metadata = { title: "Experiments" };

export default function Place() {
  return (
    <Page
      title="Experiments"
      lead="Whether acting on intent pays: visitors by lot in arms, what came of each, and what may not be concluded."
    >
      <Experiments />
    </Page>
  );
}
