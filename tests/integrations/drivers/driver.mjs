// Does the steps that a test gives with the SDK for Node; `drive` in tests/support/sdks.py has the form.

import { readFileSync } from "node:fs";

const { Client, verify } = await import(process.argv[2]);
const given = JSON.parse(readFileSync(0, "utf8"));
const problems = [];
const { max_queue: maxQueue = 10_000, flush_ms: flushMs = 1_000 } = given.options;
const client = new Client(given.url, given.key, {
  ...(given.secret === null ? {} : { purchaseSecret: given.secret }),
  maxQueue,
  flushMs,
  onProblem: (problem, id) => problems.push([problem, id]),
});
const steps = {
  send: (value) => client.send(value),
  flush: (value) => client.flush(value),
  close: (value) => client.close(value),
  purchase: (value) => client.purchase(value),
  refund: (value) => client.refund(value),
  verify: ({ secret, headers, body, now }) => verify(secret, headers, Buffer.from(body), { now }).id,
};
const results = [];
for (const [name, value] of given.steps) {
  try {
    results.push((await steps[name](value)) ?? null);
  } catch (error) {
    results.push({ error: error.constructor.name, reason: error.message });
  }
}
console.log(JSON.stringify({ results, problems }));
