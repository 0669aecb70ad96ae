"use client";

import { api } from "@/api/client";
import { useSite } from "@/api/site";
import { Select } from "@/components/form";
import { asPercent } from "@/components/format";

import { type Session, sessionOfFeatures } from "./fields";

/** Fills the form with an open session's features as they are now. */
export function FromSession({ fill }: { fill: (session: Session) => void }) {
  const { site } = useSite();
  const query = { limit: 50, bots: true, runs: true, ...(site ? { site: site.name } : {}) };
  const { data } = api.useQuery("get", "/sessions/live", { params: { query } });
  const sessions = data?.sessions ?? [];
  return (
    <Select
      aria-label="Fill from a real session"
      className="w-60"
      value=""
      disabled={sessions.length === 0}
      onChange={(event) => {
        const chosen = sessions[Number(event.target.value)];
        if (chosen) fill(sessionOfFeatures(chosen.features));
      }}
    >
      <option value="">{sessions.length === 0 ? "No open session to fill from" : "Fill from a real session…"}</option>
      {sessions.map((session, place) => (
        <option key={`${session.site} ${session.session_id}`} value={place}>
          {asPercent(session.probability)} · {session.session_id.slice(0, 12)} · {session.site}
        </option>
      ))}
    </Select>
  );
}
