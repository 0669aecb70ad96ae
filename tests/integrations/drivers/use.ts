// What a shop writes with the SDK for Node, and what its types refuse.

import { createServer } from "node:http";
import { Client, RefusedError, verify, type Event, type Message } from "op-ecom-sdk";

const client = new Client("https://events.shop.example", "wk_key", { purchaseSecret: "whsec_c2VjcmV0", maxQueue: 10 });
const added: Event = {
  type: "commerce",
  session_id: "s-1",
  commerce: { action: "add_to_cart", value: "39.80", currency: "EUR", items: [{ id: 7, quantity: 2, price: 19.9 }] },
};
const id: string | null = client.send(added);
client.send({ type: "page_view", session_id: "s-1", page: { url: "/products/7", type: "ProductRelated" } });
// @ts-expect-error: a page view has a page
client.send({ type: "page_view", session_id: "s-1" });
// @ts-expect-error: no such action
client.send({ type: "commerce", session_id: "s-1", commerce: { action: "buy" } });
// @ts-expect-error: an order has a time
const reported: Promise<string> = client.purchase({ session_id: "s-1", order_id: 7, amount: "39.80" });
reported.catch((error: unknown) => (error instanceof RefusedError ? error.code : ""));

export const server = createServer((request, response) => {
  const message: Message = verify("whsec_c2VjcmV0", request.headers, Buffer.from(""), { toleranceSeconds: 60 });
  response.end(`${message.type} ${id}`);
});
export const fetched = (request: Request, body: string): string => verify("whsec_c2VjcmV0", request.headers, body).id;
export const sent: Promise<boolean> = client.flush().then(() => client.close(1_000));
