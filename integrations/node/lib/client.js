/** The client: a bounded queue that is sent in the background, and purchases that the caller awaits. */

import { randomUUID } from "node:crypto";
import { UnavailableError } from "./errors.js";
import { secretBytes, sign } from "./signatures.js";
import { post, waitMs } from "./transport.js";

// Of one request: ingest.max_batch_events, and less than ingest.max_body_bytes.
const MAX_EVENTS = 500;
const MAX_BYTES = 200_000;
const DEFAULTS = { maxQueue: 10_000, flushMs: 1_000, timeoutMs: 10_000, exitMs: 10_000, onProblem: warn };

export class Client {
  #url;
  #headers;
  #options;
  #queue = [];
  #unsent = 0;
  #lost = 0;
  #closed = false;
  #endsAt = Infinity;
  #sending = null;
  #timer = null;
  /** Ends the wait before the next attempt, while there is one. */
  #wake = () => {};
  /** Node has nothing else to do: what is left keeps it alive until it is sent, or `exitMs` are over. */
  #onExit = () => void (this.#unsent && this.close(this.#options.exitMs));

  constructor(url, key, options = {}) {
    if (!/^https?:\/\//.test(url))
      throw new TypeError("url is where the ingest API is, such as https://events.shop.example");
    if (!key) throw new TypeError("key is a write key of the site: `opecom sites add NAME` prints it");
    if (options.purchaseSecret !== undefined) secretBytes(options.purchaseSecret);
    this.#url = url.replace(/\/+$/, "");
    this.#headers = { "x-opecom-key": key };
    this.#options = { ...DEFAULTS, ...options };
    process.on("beforeExit", this.#onExit);
  }

  send(event) {
    const whole = { event_id: randomUUID(), occurred_at: Date.now(), ...event };
    const id = whole.event_id;
    if (this.#closed || this.#unsent >= this.#options.maxQueue) {
      const why = this.#closed ? "the client is closed" : `${this.#options.maxQueue} events wait (maxQueue)`;
      this.#options.onProblem(`an event is dropped: ${why}`, id);
      return null;
    }
    const encoded = JSON.stringify(whole);
    this.#queue.push({ id, encoded, size: Buffer.byteLength(encoded) + 1 });
    this.#unsent += 1;
    if (this.#queue.length >= MAX_EVENTS) this.#begin();
    // Not a reason for Node to go on: `beforeExit` sends what is left.
    else this.#timer ??= setTimeout(() => this.#begin(), this.#options.flushMs).unref();
    return id;
  }

  async flush(timeoutMs = 60_000) {
    this.#begin();
    let timer;
    const over = new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs)));
    while (this.#sending && (await Promise.race([this.#sending.then(() => true), over])));
    clearTimeout(timer);
    return this.#unsent === 0;
  }

  async close(timeoutMs = 10_000) {
    this.#closed = true;
    this.#endsAt = Math.min(this.#endsAt, Date.now() + timeoutMs);
    process.off("beforeExit", this.#onExit);
    this.#wake();
    // Beyond the time there is one request under way, at most.
    return (await this.flush(timeoutMs + this.#options.timeoutMs)) && this.#lost === 0;
  }

  purchase({ waitAtMostMs = 60_000, ...order }) {
    return this.#signed("/tracker/purchase", `order-${order.order_id}`, order, waitAtMostMs);
  }

  refund({ waitAtMostMs = 60_000, ...refund }) {
    const body = { ...refund, action: "refund" };
    return this.#signed("/tracker/commerce", `refund-${refund.order_id}`, body, waitAtMostMs);
  }

  async #signed(path, id, fields, waitAtMostMs) {
    const secret = this.#options.purchaseSecret;
    if (secret === undefined)
      throw new TypeError("purchaseSecret is missing: `opecom sites rotate NAME --purchase` makes one");
    const body = JSON.stringify(fields);
    const endsAt = Date.now() + waitAtMostMs;
    for (let attempt = 0; ; attempt += 1) {
      // A signature holds five minutes: each attempt has its own.
      const at = Math.floor(Date.now() / 1000);
      const own = { "webhook-id": id, "webhook-timestamp": `${at}`, "webhook-signature": sign(secret, id, at, body) };
      const answer = await post(this.#url + path, body, { ...this.#headers, ...own }, this.#options.timeoutMs);
      if (answer.isAccepted) return answer.content.event_id;
      if (!answer.isRetried) throw answer.error();
      const wait = waitMs(attempt, answer.retryAfterMs);
      if (Date.now() + wait > endsAt)
        throw new UnavailableError(`not sent within ${waitAtMostMs} ms: ${answer.error().reason}`);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  /** Sends until the queue is empty; one request at a time. */
  #begin() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#sending || !this.#queue.length) return;
    this.#sending = this.#run().finally(() => (this.#sending = null));
  }

  async #run() {
    while (this.#queue.length) {
      const batch = this.#take();
      await this.#deliver(batch);
      this.#unsent -= batch.length;
    }
  }

  #take() {
    let [count, size] = [0, 0];
    for (const each of this.#queue) {
      size += each.size;
      if (count && (count >= MAX_EVENTS || size > MAX_BYTES)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #deliver(batch) {
    for (let attempt = 0; ; attempt += 1) {
      // `sent_at` is of this attempt: the server takes the difference for a wrong clock.
      const body = `{"sent_at":${Date.now()},"events":[${batch.map((each) => each.encoded).join(",")}]}`;
      const answer = await post(`${this.#url}/v1/batch`, body, this.#headers, this.#options.timeoutMs);
      if (answer.isAccepted) {
        for (const { index, code, reason } of answer.content.refused ?? [])
          this.#lose([batch[index]], `an event is refused (${code}): ${reason}`);
        return;
      }
      if (answer.status === 413 && batch.length > 1) {
        const middle = batch.length >> 1;
        await this.#deliver(batch.slice(0, middle));
        await this.#deliver(batch.slice(middle));
        return;
      }
      if (!answer.isRetried || !(await this.#wait(waitMs(attempt, answer.retryAfterMs)))) {
        this.#lose(batch, answer.error().message);
        return;
      }
    }
  }

  /** Waits before the next attempt; false where there is none. As the client's end comes, a last one is made. */
  async #wait(ms) {
    const until = Date.now() + ms;
    if (Date.now() >= this.#endsAt) return false;
    let left;
    while ((left = Math.min(until, this.#endsAt) - Date.now()) > 0) {
      let timer;
      const over = new Promise((resolve) => (timer = setTimeout(resolve, left).unref()));
      await Promise.race([over, new Promise((resolve) => (this.#wake = resolve))]);
      clearTimeout(timer);
    }
    return true;
  }

  #lose(events, why) {
    this.#lost += events.length;
    for (const each of events) {
      try {
        this.#options.onProblem(why, each.id);
      } catch (error) {
        console.error("a problem could not be reported", error);
      }
    }
  }
}

function warn(problem, eventId) {
  console.warn(`op-ecom-sdk: ${problem} (event ${eventId})`);
}
