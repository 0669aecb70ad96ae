/** The query API of this origin, typed by its own OpenAPI document. */

import createFetchClient, { type Middleware } from "openapi-fetch";
import createClient from "openapi-react-query";

import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Why there is no answer, with the fields of the API's refusals: queries and mutations have it as their error. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly error: string,
    readonly reason: string,
  ) {
    super(reason);
  }
}

/** What each change brings beside the cookie; undefined while nobody has asked. */
let csrf: string | undefined;

/** Sets it; the sign-in has it. */
export function setCsrf(token: string): void {
  csrf = token;
}

/** The headers of a change, for the few requests that do not go through the client. */
export async function changeHeaders(): Promise<Record<string, string>> {
  if (csrf === undefined) {
    const answer = await fetch("/sign-in");
    csrf = answer.ok ? ((await answer.json()) as { csrf: string }).csrf : "";
  }
  return csrf ? { "X-OPECOM-CSRF": csrf } : {};
}

const middleware: Middleware = {
  async onRequest({ request }) {
    if (request.method === "GET") return request;
    for (const [name, value] of Object.entries(await changeHeaders())) request.headers.set(name, value);
    return request;
  },
  async onResponse({ response }) {
    if (!response.ok) throw await refusal(response);
  },
  onError({ error }) {
    if (error instanceof ApiError) return error;
    return new ApiError(0, "away", "The server does not answer. Is it running? `opecom doctor` on its machine tells.");
  },
};

/** The refusal of this response, as an error. */
export async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const given = (typeof body === "object" && body !== null ? body : {}) as { error?: string; reason?: string };
  const reason = given.reason ?? `The server answers ${response.status}.`;
  return new ApiError(response.status, given.error ?? "internal", reason);
}

/** For calls outside of hooks. */
export const call = createFetchClient<paths>({ baseUrl: "/api" });
call.use(middleware);

/** `api.useQuery("get", "/sessions/live", ...)`, `api.useMutation(...)`. */
export const api = createClient(call);
