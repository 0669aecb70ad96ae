/**
 * Standard Webhooks (https://www.standardwebhooks.com): signs purchases, verifies webhooks.
 *
 * A signature is "v1," and base64 of HMAC-SHA-256 over `id.timestamp.body`, by the bytes in base64 behind `whsec_`.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { SignatureError } from "./errors.js";

const SECRET = /^whsec_((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** The bytes of a secret; throws a TypeError unless it is whsec_ and base64. */
export function secretBytes(secret) {
  const found = SECRET.exec(secret);
  if (!found) throw new TypeError("a secret is whsec_ and base64: copy what `opecom` printed, whole");
  return Buffer.from(found[1], "base64");
}

export function sign(secret, messageId, timestamp, body) {
  const signed = createHmac("sha256", secretBytes(secret)).update(`${messageId}.${timestamp}.`).update(body);
  return `v1,${signed.digest("base64")}`;
}

export function verify(secret, headers, body, { toleranceSeconds = 300, now = Date.now() / 1000 } = {}) {
  const given = named(headers);
  const [id, stamp] = [given.get("webhook-id"), given.get("webhook-timestamp") ?? ""];
  const signatures = (given.get("webhook-signature") ?? "").split(" ").filter(Boolean);
  if (!id || !signatures.length || !/^[0-9]+$/.test(stamp))
    throw new SignatureError("the request needs the headers webhook-id, webhook-timestamp and webhook-signature");
  if (!(Math.abs(now - Number(stamp)) <= toleranceSeconds))
    throw new SignatureError(`webhook-timestamp is more than ${toleranceSeconds} s off: is this machine's clock set?`);
  const ours = Buffer.from(sign(secret, id, Number(stamp), body));
  const holds = signatures.map((each) => Buffer.from(each)).filter((each) => each.length === ours.length);
  if (!holds.some((each) => timingSafeEqual(each, ours)))
    throw new SignatureError("no signature holds: wrong secret, or the body is not as it was sent");
  return JSON.parse(Buffer.from(body).toString());
}

/** Lower-case names to values, of Headers of fetch or of node:http's plain object. */
function named(headers) {
  const pairs = typeof headers.entries === "function" ? headers.entries() : Object.entries(headers);
  return new Map([...pairs].map(([name, value]) => [name.toLowerCase(), String(value)]));
}
