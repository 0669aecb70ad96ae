"use client";

import { useQueryString, useSite } from "@/api/site";
import { Loaded } from "@/components/states";

import { CountsCard } from "./counts-card";
import { InterventionCard } from "./intervention-card";
import { ListCard } from "./list-card";
import { useInterventions } from "./queries";
import { TrialCard } from "./trial-card";

/** The interventions, and the one that the address names with its counts and its trial. */
export function Interventions() {
  const { site } = useSite();
  const { get } = useQueryString();
  const query = useInterventions(site?.name ?? "");
  const zone = site?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <Loaded query={query} what="interventions">
      {({ interventions }) => {
        const chosen = interventions.find(({ name }) => name === get("intervention"));
        return (
          <div className="space-y-6">
            <ListCard interventions={interventions} zone={zone} />
            {chosen ? <InterventionCard key={`card ${chosen.name}`} intervention={chosen} zone={zone} /> : null}
            {chosen && chosen.status !== "draft" ? (
              <CountsCard key={`counts ${chosen.name}`} name={chosen.name} />
            ) : null}
            {chosen && chosen.status !== "stopped" ? (
              <TrialCard key={`trial ${chosen.name}`} intervention={chosen} zone={zone} />
            ) : null}
          </div>
        );
      }}
    </Loaded>
  );
}
