import type { Metadata } from "next";

import { Predict } from "./predict";

export const metadata: Metadata = { title: "Predict" };

export default function PredictPage() {
  return <Predict />;
}
