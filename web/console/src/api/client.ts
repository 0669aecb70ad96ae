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

let csrf = "";

/** Sets what each change brings beside the cookie; the sign-in has it. */
export function setCsrf(token: string): void {
  csrf = token;
}

const middleware: Middleware = {
  onRequest({ request }) {
    if (csrf && request.method !== "GET") request.headers.set("X-OPECOM-CSRF", csrf);
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
