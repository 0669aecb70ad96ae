"use client";

import { useQueryString } from "@/api/site";
import { Card } from "@/components/card";
import { Empty, Loaded, Notice } from "@/components/states";

import { ArrivalStep } from "./arrival-step";
import { KeysStep } from "./keys-step";
import { type Site, useSites } from "./queries";
import { SiteKeys } from "./site-keys";
import { SitesStep } from "./sites-step";
import { Step } from "./step";
import { TagStep } from "./tag-step";
import { WebhooksStep } from "./webhooks-step";

/** The steps of a set-up, for the site that the address names. */
export function Setup() {
  const sites = useSites();
  const { get, set } = useQueryString();
  return (
    <Card>
      <Loaded query={sites} what="sites">
        {({ sites: found, file, may_change: mayChange }) => {
          const ordered = [...found].sort((one, other) => Number(isOwn(other)) - Number(isOwn(one)));
          const chosen = found.find(({ name }) => name === get("site")) ?? first(found);
          const canChange = mayChange && file.is_writable;
          return (
            <>
              <Limits mayChange={mayChange} remedy={file.remedy ?? ""} />
              <ol>
                <Step number={1} title="Sites" note="One for each shop. Choose the one that the next steps are for.">
                  <SitesStep
                    sites={ordered}
                    chosen={chosen?.name ?? ""}
                    onChoose={(site) => set({ site })}
                    canChange={canChange}
                  />
                </Step>
                {chosen ? (
                  <OfSite key={chosen.name} site={chosen} canChange={canChange} />
                ) : (
                  <Step number={2} title="Tag">
                    <Empty title="There is no site yet">Add one above; its tag then stands here.</Empty>
                  </Step>
                )}
                <Step
                  number={6}
                  title="Keys of people and programs"
                  note="Who reads scores, exports lists or runs this console."
                >
                  <KeysStep sites={found.map(({ name }) => name)} canChange={canChange} />
                </Step>
              </ol>
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

function OfSite({ site, canChange }: { site: Site; canChange: boolean }) {
  return (
    <>
      <Step number={2} title={`Tag of ${site.name}`} note="Paste it into the head of every page of the shop.">
        <TagStep site={site} />
      </Step>
      <Step number={3} title="First event" note="Open a page of the shop that has the tag.">
        <ArrivalStep site={site} />
      </Step>
      <Step number={4} title={`Keys of ${site.name}`} note="With which its pages and its server send.">
        <SiteKeys site={site} canChange={canChange} />
      </Step>
      <Step number={5} title="Webhooks" note="Calls to your own server when a visitor gets ready to buy.">
        <WebhooksStep site={site.name} />
      </Step>
    </>
  );
}

function Limits({ mayChange, remedy }: { mayChange: boolean; remedy: string }) {
  if (!mayChange) {
    return (
      <div className="mb-6">
        <Notice>This key reads what is of its sites. A key of all sites makes and changes sites and keys.</Notice>
      </div>
    );
  }
  return remedy ? (
    <div className="mb-6">
      <Notice kind="warn">{remedy}</Notice>
    </div>
  ) : null;
}

/** Whether somebody made it, or changed it: the others are shipped. */
function isOwn({ kept_in: keptIn }: Site): boolean {
  return keptIn.includes("file");
}

/** The site of one's own that was made first, else the shipped one. */
function first(sites: Site[]): Site | undefined {
  return sites.find(isOwn) ?? sites.find(({ name }) => name === "default") ?? sites[0];
}
