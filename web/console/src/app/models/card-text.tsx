"use client";

import { api } from "@/api/client";
import { Empty, Loaded } from "@/components/states";

/** The model card as it was written, Markdown. */
export function CardText({ version }: { version: string }) {
  const found = api.useQuery(
    "get",
    "/registry/{version}",
    { params: { path: { version } } },
    { enabled: version !== "" },
  );
  return (
    <Loaded query={found} what="the card">
      {({ card }) =>
        card ? (
          <div
            tabIndex={0}
            role="region"
            aria-label={`Card of ${version}`}
            className="max-h-[65dvh] overflow-auto text-sm whitespace-pre-wrap wrap-anywhere"
          >
            {card}
          </div>
        ) : (
          <Empty title="This version has no card" />
        )
      }
    </Loaded>
  );
}
