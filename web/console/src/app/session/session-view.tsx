"use client";

import Link from "next/link";

import { api } from "@/api/client";
import { useMay, useSignIn } from "@/api/sign-in";
import { useQueryString } from "@/api/site";
import { Card, Stat } from "@/components/card";
import { asCount, asMoney, asPercent, asTime } from "@/components/format";
import { Page } from "@/components/page";
import { Empty, Loaded, Notice } from "@/components/states";

import { ProbabilityChart } from "./chart";
import { EraseVisitor } from "./erase";
import { PagesTable } from "./pages-table";
import { StepList } from "./step-list";
import { stepsOf } from "./steps";

export function SessionView() {
  const { get } = useQueryString();
  const id = get("id");
  if (!id) {
    return (
      <Page title="Session">
        <Card>
          <Empty title="No session is chosen">
            Choose one on the page{" "}
            <Link href="/live/" className="text-lapis underline">
              Live
            </Link>
            .
          </Empty>
        </Card>
      </Page>
    );
  }
  return <One id={id} site={get("site") || undefined} />;
}

function One({ id, site }: { id: string; site: string | undefined }) {
  const query = site === undefined ? {} : { site };
  const timeline = api.useQuery("get", "/sessions/{session_id}/timeline", {
    params: { path: { session_id: id }, query },
  });
  const found = timeline.data?.site ?? site ?? "";
  const zone = useSignIn().data?.sites.find(({ name }) => name === found)?.time_zone ?? "UTC";
  const mayExport = useMay("export");
  const whole = api.useQuery(
    "get",
    "/admin/sessions/{session_id}",
    { params: { path: { session_id: id }, query } },
    { enabled: mayExport === true && timeline.data !== undefined },
  );
  const mayErase = useMay("personal");
  const visitor = whole.data?.session.visitor_id;
  return (
    <Page
      title="Session"
      lead={<span className="font-mono text-sm break-all">{id}</span>}
      actions={mayErase && visitor ? <EraseVisitor site={found} visitor={visitor} /> : null}
    >
      <Loaded query={timeline} what="the session">
        {({ updates }) => {
          const last = updates.at(-1);
          if (!last) return <Empty title="This session has no update" />;
          return (
            <div className="space-y-6">
              <div className="grid grid-cols-2 gap-3 sm:gap-4 lg:grid-cols-4">
                <Stat
                  label="Probability"
                  value={asPercent(last.probability)}
                  change={`${last.label}, ${last.band}; by ${last.model_version}`}
                />
                <Stat
                  label="Status"
                  value={last.status === "open" ? "Open" : "Ended"}
                  change={`since ${asTime(updates[0]?.occurred_at, zone)}`}
                />
                <Stat
                  label="Pages"
                  value={asCount(last.counts.page_views)}
                  change={`${asCount(last.counts.events)} events`}
                />
                <Stat
                  label="Outcome"
                  value={last.revenue ? asMoney(last.amount, last.currency) : "No purchase"}
                  change={last.bot ? "a program, not a person" : `on ${found}`}
                />
              </div>
              <Card title="How the probability moved" note="After each event; gold dots are purchases.">
                <ProbabilityChart updates={updates} zone={zone} />
              </Card>
              <Card
                title="Event by event"
                note="The newest first: what happened, what it changed, and why the score moved."
              >
                <StepList steps={stepsOf(updates)} site={found} id={id} zone={zone} />
              </Card>
              <Card title="Pages">
                {mayExport === false ? (
                  <Notice>The pages with their times need a key of scope export: sign in with one.</Notice>
                ) : (
                  <Loaded query={whole} what="the pages">
                    {({ page_views: views }) => <PagesTable views={views} zone={zone} />}
                  </Loaded>
                )}
              </Card>
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}
