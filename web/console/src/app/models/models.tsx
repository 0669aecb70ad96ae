"use client";

import { useSite } from "@/api/site";
import { Loaded, Notice } from "@/components/states";

import { CompareCard } from "./compare-card";
import { DriftCard } from "./drift-card";
import { HistoryCard } from "./history-card";
import { InForceCard } from "./in-force-card";
import { JobCard } from "./job-card";
import { LearningCard } from "./learning-card";
import { useRegistry } from "./queries";
import { VersionsCard } from "./versions-card";

export function Models() {
  const registry = useRegistry();
  const { site } = useSite();
  const zone = site?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <Loaded query={registry} what="the registry of models">
      {(found) => (
        <div className="space-y-6">
          {found.notice ? <Notice kind="warn">{found.notice}</Notice> : null}
          <JobCard zone={zone} />
          <InForceCard registry={found} zone={zone} />
          <VersionsCard registry={found} zone={zone} />
          <CompareCard models={found.models} />
          <LearningCard site={site?.name ?? ""} zone={zone} />
          <DriftCard zone={zone} />
          <HistoryCard history={found.history} zone={zone} />
        </div>
      )}
    </Loaded>
  );
}
