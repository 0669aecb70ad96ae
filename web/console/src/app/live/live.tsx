"use client";

import { useState } from "react";

import { useSignIn } from "@/api/sign-in";
import { useQueryString, useSite } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Input, Select } from "@/components/form";
import { asCount } from "@/components/format";
import { Page } from "@/components/page";
import { Empty, Failed, Loading, Notice } from "@/components/states";
import { ApiError } from "@/api/client";

import { type Order, ROWS } from "./choose";
import { Counters } from "./counters";
import { SessionRow } from "./session-row";
import { useChosen } from "./use-chosen";
import { type FeedView, useFeed } from "./use-feed";

export function Live() {
  const { data: signIn } = useSignIn();
  if (!signIn) return <Loading what="live sessions" />;
  if (!signIn.scopes.includes("read")) {
    const why = new ApiError(
      signIn.state === "signed_out" ? 401 : 403,
      "no_key",
      "Live sessions need a key of scope read.",
    );
    return (
      <Page title="Live">
        <Card>
          <Failed error={why} />
        </Card>
      </Page>
    );
  }
  return <LiveSessions />;
}

function LiveSessions() {
  const { site, sites } = useSite();
  const { get, set } = useQueryString();
  const [paused, setPaused] = useState(false);
  const [rows, setRows] = useState(ROWS);
  const bots = get("bots") === "true";
  const view = useFeed(site?.name, bots, paused);
  const wanted = { band: get("band"), search: get("search"), order: (get("order") || "probability") as Order };
  const found = useChosen(view.sessions, wanted);
  const zones = new Map(sites.map(({ name, time_zone }) => [name, time_zone]));
  return (
    <Page
      title="Live"
      lead="Sessions as they are scored: how likely each is to end in a purchase, and why."
      actions={
        <Button icon={paused ? "play" : "pause"} aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? "Go on" : "Pause"}
        </Button>
      }
    >
      <Counters rate={view.rate} />
      <Card>
        <div className="mb-4 flex flex-wrap items-center gap-3">
          <Input
            type="search"
            aria-label="Search session or page"
            placeholder="Search session or page"
            defaultValue={wanted.search}
            onChange={(event) => set({ search: event.target.value })}
            className="w-full sm:w-60"
          />
          <Select aria-label="Band" value={wanted.band} onChange={(event) => set({ band: event.target.value })}>
            <option value="">Every band</option>
            <option value="high">High</option>
            <option value="building">Building</option>
            <option value="low">Low</option>
          </Select>
          <Select
            aria-label="Order"
            value={wanted.order}
            onChange={(event) => set({ order: event.target.value === "probability" ? "" : event.target.value })}
          >
            <option value="probability">Most likely first</option>
            <option value="updated">Newest first</option>
            <option value="cart">Fullest cart first</option>
          </Select>
          <label className="flex items-center gap-2 text-sm">
            <input
              type="checkbox"
              checked={bots}
              onChange={(event) => set({ bots: event.target.checked ? "true" : "" })}
              className="size-4 accent-lapis"
            />
            With programs
          </label>
          <p className="ml-auto text-sm text-muted" role="status">
            {standing(view, paused)}
          </p>
        </div>
        {view.connection === "away" ? (
          <div className="mb-4">
            <Notice kind="warn">The stream is interrupted. The page asks again by itself, and misses nothing.</Notice>
          </div>
        ) : null}
        {found.length === 0 ? (
          <Nothing opening={view.connection === "opening"} filtered={view.sessions.length > 0} />
        ) : (
          <table className="w-full table-fixed border-collapse text-sm tabular-nums">
            <caption className="sr-only">Live sessions</caption>
            <thead>
              <tr className="border-b border-line text-left text-muted">
                <th scope="col" className="py-2 pr-4 font-medium sm:w-60">
                  Session
                </th>
                <th scope="col" className="w-24 py-2 pr-4 text-right font-medium sm:w-28">
                  Probability
                </th>
                <th scope="col" className="hidden w-32 py-2 pr-4 font-medium sm:table-cell">
                  Trend
                </th>
                <th scope="col" className="w-20 py-2 font-medium sm:w-24 sm:pr-4">
                  Band
                </th>
                <th scope="col" className="hidden w-44 py-2 pr-4 font-medium lg:table-cell">
                  Page
                </th>
                <th scope="col" className="hidden w-32 py-2 pr-4 text-right font-medium md:table-cell">
                  Cart
                </th>
                <th scope="col" className="hidden py-2 font-medium xl:table-cell">
                  Strongest reason
                </th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, rows).map((session) => (
                <SessionRow key={session.key} session={session} zone={zones.get(session.intent.site) ?? "UTC"} />
              ))}
            </tbody>
          </table>
        )}
        {found.length > rows ? (
          <div className="mt-3 flex items-center gap-3 text-sm text-muted">
            <Button onClick={() => setRows(rows + ROWS)}>Show {ROWS} more</Button>
            {asCount(found.length - rows)} are not shown
          </div>
        ) : null}
      </Card>
    </Page>
  );
}

function standing(view: FeedView, paused: boolean): string {
  if (paused) return "Paused";
  if (view.connection === "opening") return "Connecting…";
  return `${asCount(view.sessions.length)} sessions`;
}

function Nothing({ opening, filtered }: { opening: boolean; filtered: boolean }) {
  if (opening) return <Loading what="live sessions" />;
  if (filtered) return <Empty title="No session fits these filters" />;
  return (
    <Empty title="No session is open">
      Open your shop, or the demo shop at port 5173, and this page moves. Without a shop:{" "}
      <code className="font-mono">opecom simulate uci --rate 20</code>. Visits of programs show with &ldquo;With
      programs&rdquo;.
    </Empty>
  );
}
