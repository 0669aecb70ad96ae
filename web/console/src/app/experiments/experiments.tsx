"use client";

import { useQueryString, useSite } from "@/api/site";
import { Loaded } from "@/components/states";

import { ExperimentCard } from "./experiment-card";
import { ListCard } from "./list-card";
import { useExperiments } from "./queries";
import { ResultsCard } from "./results-card";

/** The experiments, and the one that the address names with its reading. */
export function Experiments() {
  const { site } = useSite();
  const { get } = useQueryString();
  const query = useExperiments(site?.name ?? "");
  const zone = site?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <Loaded query={query} what="experiments">
      {({ experiments }) => {
        const chosen = experiments.find(({ name }) => name === get("experiment"));
        return (
          <div className="space-y-6">
            <ListCard experiments={experiments} zone={zone} />
            {chosen ? <ExperimentCard key={`card ${chosen.name}`} experiment={chosen} zone={zone} /> : null}
            {chosen && chosen.status !== "draft" ? (
              <ResultsCard key={`results ${chosen.name}`} experiment={chosen} zone={zone} />
            ) : null}
          </div>
        );
      }}
    </Loaded>
  );
}
