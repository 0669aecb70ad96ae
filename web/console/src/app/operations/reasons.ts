import type { Schemas } from "@/api/client";

/** Why a record is dead, in a few words. */
export const REASONS: Record<Schemas["DeadLetterSummary"]["reason"], string> = {
  undecodable: "cannot be read",
  late: "came late",
  overflow: "session is full",
  failed: "failed",
};
