"use client";

import { useSite } from "@/api/site";
import { useSignIn } from "@/api/sign-in";
import { Card } from "@/components/card";
import { Page } from "@/components/page";
import { Empty, Failed, Loaded, Loading } from "@/components/states";

import { BandConversion } from "./band-conversion";
import { Calibration } from "./calibration";
import { Carts } from "./carts";
import { Funnel } from "./funnel";
import { Headline } from "./headline";
import { OverTime } from "./over-time";
import { PeriodPicker } from "./period-picker";
import { Segments } from "./segments";
import { TopPages } from "./top-pages";
import { useOverview } from "./use-overview";
import { usePeriod } from "./use-period";

const LEAD = "How well the shop sells, what sessions went through, and how far the scores can be relied on.";

/** One site at a time: each has its own days and its own money. */
export function Overview() {
  const signIn = useSignIn();
  const { site, sites } = useSite();
  const shown = site ?? sites[0];
  if (shown) return <SiteOverview key={shown.name} site={shown.name} zone={shown.time_zone} />;
  return (
    <Page title="Overview" lead={LEAD}>
      <Card>
        {signIn.error ? (
          <Failed error={signIn.error} onRetry={() => void signIn.refetch()} />
        ) : signIn.data ? (
          <Empty title="There is no site to show">
            Sign in with a key of scope export, or add a site on the page Set up.
          </Empty>
        ) : (
          <Loading what="the sites" />
        )}
      </Card>
    </Page>
  );
}

function SiteOverview({ site, zone }: { site: string; zone: string }) {
  const { period, set } = usePeriod(zone);
  const found = useOverview(site, period);
  const { summary } = found;
  return (
    <Page title={`Overview of ${site}`} lead={LEAD} actions={<PeriodPicker period={period} set={set} />}>
      {summary.error && !summary.data ? (
        <Card>
          <Failed error={summary.error} onRetry={() => void summary.refetch()} />
        </Card>
      ) : (
        <div className="space-y-6">
          <div className="min-h-28">
            <Loaded query={summary} what="the figures">
              {(data) =>
                data.current.figures.sessions === 0 ? (
                  <Card>
                    <Empty title="No sessions in this period">
                      Choose a longer one. A shop without any session yet starts on the page Set up.
                    </Empty>
                  </Card>
                ) : (
                  <Headline summary={data} />
                )
              }
            </Loaded>
          </div>
          <Loaded query={found.series} what="the figures over time">
            {(data) => <OverTime series={data} period={period} />}
          </Loaded>
          {/* Below what is there: cards that appear above others would move them. */}
          {has(summary) && has(found.series) ? (
            <>
              <div className="grid gap-6 xl:grid-cols-2 xl:items-start">
                <Card title="Funnel" note="By commerce events and pages, whatever hosts they are on">
                  <Loaded query={found.funnel} what="the funnel">
                    {(data) => <Funnel funnel={data} other={found.otherFunnel.data} />}
                  </Loaded>
                </Card>
                <Card title="What became of carts" note="Who buys within a week has not left a cart">
                  <Loaded query={found.carts} what="the carts">
                    {(data) => <Carts carts={data} other={found.otherCarts.data} />}
                  </Loaded>
                </Card>
                <Segments name="first" usual="source" query={found.query} />
                <Segments name="second" usual="device" query={found.query} />
                <Card title="Conversion by band" note="Of closed sessions, by the band of the live score">
                  <Loaded query={found.bands} what="the bands">
                    {(data) => <BandConversion bands={data} />}
                  </Loaded>
                </Card>
                <Card
                  title="Can the scores be relied on?"
                  note="Sessions by their live score, and the share that bought"
                >
                  <Loaded query={found.calibration} what="the calibration">
                    {(data) => <Calibration calibration={data} />}
                  </Loaded>
                </Card>
              </div>
              <Card
                title="Pages by value"
                note="What sessions paid after a page, by session that viewed it, before refunds"
              >
                <Loaded query={found.pages} what="the pages">
                  {(data) => <TopPages pages={data} />}
                </Loaded>
              </Card>
            </>
          ) : null}
        </div>
      )}
    </Page>
  );
}

/** Whether a query has come to its end. */
function has(query: { data: unknown; error: unknown }): boolean {
  return query.data !== undefined || query.error !== null;
}
