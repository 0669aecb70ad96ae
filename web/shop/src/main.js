// Starts the shop: its pages, the count in the header, and the overlay.

import * as cart from "./cart.js";
import { product } from "./catalogue.js";
import { startOverlay } from "./overlay/overlay.js";
import { about } from "./pages/about.js";
import { cartPage } from "./pages/cart.js";
import { checkout } from "./pages/checkout.js";
import { home } from "./pages/home.js";
import { missing } from "./pages/missing.js";
import { detail } from "./pages/product.js";
import { products } from "./pages/products.js";
import { success } from "./pages/success.js";
import { route, start } from "./router.js";

// Page types are those of the seventeen features; home and success count in none of the three.
route("/", () => ({ title: "", type: null, view: home }));
route("/products", () => ({ title: "Shop", type: "ProductRelated", view: products }));
route("/products/:slug", (slug) => {
  const found = product(slug);
  return found && { title: found.name, type: "ProductRelated", view: () => detail(found) };
});
route("/about", () => ({ title: "About us", type: "Informational", view: about }));
route("/cart", () => ({ title: "Your cart", type: "Administrative", view: cartPage }));
route("/checkout", () => ({ title: "Checkout", type: "Administrative", view: checkout }));
route("/success", () => ({ title: "Thank you", type: null, view: success }));
route(":anything", () => ({ title: "Page not found", type: null, view: missing }));

function countPieces() {
  const count = cart.pieces();
  const badge = document.querySelector("#pieces");
  badge.textContent = String(count);
  badge.hidden = count === 0;
  document.querySelector("#cart-link").setAttribute("aria-label", `Cart, ${count} ${count === 1 ? "piece" : "pieces"}`);
}

start(document.querySelector("main"));
countPieces();
cart.watch(countPieces);
startOverlay();
