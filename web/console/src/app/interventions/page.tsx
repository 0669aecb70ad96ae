import type { Metadata } from "next";

import { Page } from "@/components/page";

import { Interventions } from "./interventions";

export const metadata: Metadata = { title: "Interventions" };

export default function Place() {
  return (
    <Page
      title="Interventions"
      lead="Rules that act on a session, once, at the moment that they name: what they would have done, and what they did."
    >
      <Interventions />
    </Page>
  );
}
