/** Sends a shop's events and signed purchases to OP-ECOM, and verifies its webhooks. */

export { Client } from "./lib/client.js";
export { OpecomSdkError, RefusedError, SignatureError, UnavailableError } from "./lib/errors.js";
export { sign, verify } from "./lib/signatures.js";
