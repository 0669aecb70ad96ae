"use client";

import { useQueryString } from "@/api/site";
import { Page } from "@/components/page";

import { DeadLetters } from "./dead-letters";
import { Health } from "./health";
import { Lag } from "./lag";
import { Replays } from "./replays";
import { TabList, TabPanel } from "./tabs";
import { Webhooks } from "./webhooks";

const TABS = [
  { id: "health", label: "Health", content: Health },
  { id: "lag", label: "Lag", content: Lag },
  { id: "dead-letters", label: "Dead letters", content: DeadLetters },
  { id: "replays", label: "Replays", content: Replays },
  { id: "webhooks", label: "Webhooks", content: Webhooks },
];

/** Filters of one tab, which the next one does not know. */
const OF_A_TAB = { letter: "", reason: "", state: "", text: "", webhook: "", delivery: "" };

export function Operations() {
  const { get, set } = useQueryString();
  const chosen = TABS.find(({ id }) => id === get("tab")) ?? TABS[0]!;
  const Content = chosen.content;
  return (
    <Page title="Operations" lead="How the system is, what it could not use, and what it sends to your servers.">
      <TabList
        label="Operations"
        tabs={TABS}
        chosen={chosen.id}
        onChoose={(tab) => set({ ...OF_A_TAB, tab: tab === "health" ? "" : tab })}
      />
      <TabPanel id={chosen.id}>
        <Content />
      </TabPanel>
    </Page>
  );
}
