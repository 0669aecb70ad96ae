/** What the page calls the API's values. */

import type { Schemas } from "@/api/client";

type Step = Schemas["StepCount"]["step"];
type Fate = Schemas["FateCount"]["fate"];
type Moment = Schemas["BandCount"]["moment"];
export type Dimension = Schemas["Segments"]["dimension"];

export const STEPS: Record<Step, string> = {
  session: "All sessions",
  view: "Looked at a product",
  cart: "Had a cart",
  checkout: "Began the checkout",
  purchase: "Bought",
};

export const FATES: Record<Fate, { label: string; what: string }> = {
  bought: { label: "Bought", what: "The session has a verified order." },
  unverified: { label: "Order not verified", what: "A browser reported an order that your server did not sign." },
  bought_later: { label: "Bought later", what: "The visitor came back within a week and bought." },
  alive: { label: "Still shopping", what: "The last event is less than 40 minutes ago." },
  emptied: { label: "Emptied", what: "The visitor took everything out again." },
  left: { label: "Left", what: "Something is in it, and nobody bought it." },
};

export const MOMENTS: Record<Moment, string> = {
  highest: "Highest before the order",
  event_1: "At the 1st event",
  event_3: "At the 3rd event",
  event_5: "At the 5th event",
  event_10: "At the 10th event",
};

export const DIMENSIONS: Record<Dimension, string> = {
  source: "Traffic source",
  device: "Device",
  visitor: "Type of visitor",
  browser: "Browser",
  system: "Operating system",
  region: "Region",
};

const VALUES: Record<string, string> = {
  desktop: "Desktop",
  mobile: "Phone",
  tablet: "Tablet",
  other: "Other",
  New_Visitor: "New",
  Returning_Visitor: "Returning",
  Other: "Other",
};

/** The name of a segment; an empty one is unknown. */
export function segmentName(name: string): string {
  return name === "" ? "Unknown" : (VALUES[name] ?? name);
}
