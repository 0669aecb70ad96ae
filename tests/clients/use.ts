// Uses both APIs by the types that openapi-typescript makes of their documents: tsc checks it, Node runs it.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, operations, paths as IngestPaths } from "./ingest.js";
import type { components as queried, paths as QueryPaths } from "./query.js";

const ingest = createClient<IngestPaths>({ baseUrl: process.env.INGEST_URL ?? "" });
const query = createClient<QueryPaths>({ baseUrl: process.env.QUERY_URL ?? "" });

const now = Date.now();
const batch: components["schemas"]["Batch"] = {
  sent_at: now,
  events: [
    { type: "page_view", session_id: "ts-1", visitor_id: "v1", occurred_at: now, page: { url: "/products/teapot" } },
  ],
};
const sent = await ingest.POST("/v1/batch", { body: batch });
assert.equal(sent.response.status, 202);
assert.equal(sent.data?.accepted, 1);

// Any status but 202 has the body of a refusal, and its type says so.
const refused = await ingest.POST("/tracker/pageview", { body: { session_id: "ts 1", page_url: "/" } });
const code: string | undefined = refused.error?.error;
assert.equal(refused.response.status, 422);
assert.equal(code, "invalid");

const intent = await query.GET("/sessions/{session_id}/intent", { params: { path: { session_id: "s1" } } });
assert.equal(intent.data?.band, "building");
const value: string | number | boolean | null | undefined = intent.data?.reasons[0]?.value;
assert.equal(value, 4.5);

const models = await query.GET("/models");
const bands: readonly number[] | undefined = models.data?.models[0]?.bands;
assert.equal(bands?.length, 2);
const pair: queried["schemas"]["Manifest"]["bands"] = [0.1, 0.5];
// @ts-expect-error: there are two of them.
const three: typeof pair = [0.1, 0.5, 0.9];
assert.notEqual(three.length, pair.length);

const missing = await query.GET("/sessions/{session_id}/intent", { params: { path: { session_id: "none" } } });
assert.equal(missing.error?.error, "not_found");

// The ingest API passes /admin on, and its document has it.
type Sessions = operations["listSessions"]["responses"]["200"]["content"]["application/json"];
const listed = await ingest.GET("/admin/sessions", {
  params: { query: { site: "default" } },
  headers: { "X-OPECOM-Key": process.env.ADMIN_KEY ?? "" },
});
const sessions: Sessions | undefined = listed.data;
assert.equal(sessions?.sessions.length, 1);
console.log("used");
