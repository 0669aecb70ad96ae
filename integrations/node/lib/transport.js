/** One POST, and what its answer asks for. Knows no queue. */

import { RefusedError } from "./errors.js";

// No word in it is one by which OP-ECOM knows programs: sessions of programs are left out of statistics.
const USER_AGENT = "OP-ECOM-SDK/0.1 (js)";
const RETRIED = new Set([0, 408, 429, 500, 502, 503, 504]);
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;

/**
 * The answer, whatever it is: { isAccepted, isRetried, status, content, retryAfterMs, error() }. Status 0: none came.
 * Redirects are answers: a redirected POST would arrive as a GET without its events.
 */
export async function post(url, body, headers, timeoutMs) {
  try {
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", "user-agent": USER_AGENT, ...headers },
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    return answer(response.status, parsed(text), seconds(response.headers.get("retry-after")));
  } catch (error) {
    const why = error.cause?.code ?? error.cause?.message ?? error.message;
    return answer(0, null, 0, `${url} cannot be reached: ${why}`);
  }
}

/**
 * The wait in ms after attempt 0, 1, 2, ...: twice as long each time, up to half of it by chance, never shorter than
 * the server's Retry-After.
 */
export function waitMs(attempt, retryAfterMs) {
  const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return Math.max(retryAfterMs, backoff * (0.5 + Math.random() / 2));
}

function answer(status, content, retryAfterMs, problem) {
  const reason = content?.reason ?? problem ?? `HTTP ${status}, not of OP-ECOM: is \`url\` right?`;
  return {
    status,
    content,
    retryAfterMs,
    isAccepted: status >= 200 && status < 300 && content !== null,
    isRetried: RETRIED.has(status),
    error: () => new RefusedError(status, content?.error ?? "no_answer", reason),
  };
}

function parsed(text) {
  try {
    const read = JSON.parse(text);
    return typeof read === "object" ? read : null;
  } catch {
    return null;
  }
}

/** Retry-After as OP-ECOM sends it; a date, as a proxy may send, counts as none. */
function seconds(given) {
  return /^[0-9]+$/.test(given ?? "") ? Number(given) * 1000 : 0;
}
