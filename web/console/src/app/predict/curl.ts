import type { Session } from "./fields";

/** The same request for a terminal. A text with a quote could end the shell's own, so it is escaped. */
export function curlOf(session: Session, origin: string, model: string): string {
  const body = JSON.stringify(session).replaceAll("'", String.raw`'\''`);
  const query = `?reasons=true${model ? `&model=${encodeURIComponent(model)}` : ""}`;
  return `curl '${origin}/api/predict${query}' -H 'content-type: application/json' -d '${body}'`;
}
