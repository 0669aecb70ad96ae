// Serves and builds the shop from the sources that `opecom run shop` serves as they are.
// VITE_INGEST, VITE_SITE and VITE_KEY fill in the tracker's tag of index.html.

import process from "node:process";
import { defineConfig } from "vite";

process.env.VITE_INGEST ??= "http://localhost:8001";
process.env.VITE_SITE ??= "default";
process.env.VITE_KEY ??= "";

export default defineConfig({
  server: { port: 5173, strictPort: true },
  preview: { port: 5173, strictPort: true },
  build: { assetsInlineLimit: 0 },
});
