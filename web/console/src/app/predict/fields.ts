/** The seventeen features of a session as the form shows them, in the order and by the names of the API. */

import type { Schemas } from "@/api/client";

export type Session = Pick<
  Schemas["PredictionRequest"],
  | "administrative"
  | "administrative_duration"
  | "informational"
  | "informational_duration"
  | "product_related"
  | "product_related_duration"
  | "bounce_rates"
  | "exit_rates"
  | "page_values"
  | "special_day"
  | "month"
  | "operating_systems"
  | "browser"
  | "region"
  | "traffic_type"
  | "visitor_type"
  | "weekend"
>;

export type FieldName = keyof Session;

interface Common {
  name: FieldName;
  label: string;
  hint?: string;
}

/** What a feature is decides its control. `grid` are the values tried when the page looks for what would change the answer. */
export type FormField = Common &
  (
    | { kind: "count"; most: number }
    | { kind: "seconds"; most: number }
    | { kind: "rate" }
    | { kind: "money"; most: number }
    | { kind: "share" }
    | { kind: "code"; most: number }
    | { kind: "choice"; choices: readonly string[]; words: readonly string[] }
    | { kind: "switch" }
  );

export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const MONTH_WORDS = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
];

export const GROUPS: { title: string; fields: FormField[] }[] = [
  {
    title: "Pages seen",
    fields: [
      { name: "product_related", label: "Product pages", kind: "count", most: 120 },
      { name: "product_related_duration", label: "Time on product pages", kind: "seconds", most: 6_000 },
      { name: "administrative", label: "Cart and checkout pages", kind: "count", most: 20 },
      { name: "administrative_duration", label: "Time on cart and checkout pages", kind: "seconds", most: 1_500 },
      { name: "informational", label: "Information pages", kind: "count", most: 12 },
      { name: "informational_duration", label: "Time on information pages", kind: "seconds", most: 1_000 },
    ],
  },
  {
    title: "Statistics of these pages",
    fields: [
      {
        name: "page_values",
        label: "Page value",
        hint: "Mean revenue that follows these pages.",
        kind: "money",
        most: 120,
      },
      { name: "bounce_rates", label: "Bounce rate", hint: "Visits that begin there and end at once.", kind: "rate" },
      { name: "exit_rates", label: "Exit rate", hint: "Views that are the last of a visit.", kind: "rate" },
    ],
  },
  {
    title: "When",
    fields: [
      { name: "month", label: "Month", kind: "choice", choices: MONTHS, words: MONTH_WORDS },
      {
        name: "special_day",
        label: "Nearness of a special day",
        hint: "1: some days before, such as of Mother's Day.",
        kind: "share",
      },
      { name: "weekend", label: "Weekend", kind: "switch" },
    ],
  },
  {
    title: "Who",
    fields: [
      {
        name: "visitor_type",
        label: "Visitor",
        kind: "choice",
        choices: ["New_Visitor", "Returning_Visitor", "Other"],
        words: ["New", "Returning", "Other"],
      },
      {
        name: "traffic_type",
        label: "Traffic source",
        hint: "Code of the training data; 0: unknown.",
        kind: "code",
        most: 20,
      },
      { name: "operating_systems", label: "Operating system", hint: "Code; 0: unknown.", kind: "code", most: 8 },
      { name: "browser", label: "Browser", hint: "Code; 0: unknown.", kind: "code", most: 13 },
      { name: "region", label: "Region", hint: "Code; 0: unknown.", kind: "code", most: 9 },
    ],
  },
];

export const FIELDS: FormField[] = GROUPS.flatMap((group) => group.fields);

/** The report's own example request, with which the form begins. */
export const EXAMPLE: Session = {
  administrative: 0,
  administrative_duration: 0,
  informational: 0,
  informational_duration: 0,
  product_related: 35,
  product_related_duration: 1200.5,
  bounce_rates: 0.02,
  exit_rates: 0.04,
  page_values: 12.5,
  special_day: 0,
  month: "Nov",
  operating_systems: 2,
  browser: 2,
  region: 1,
  traffic_type: 1,
  visitor_type: "Returning_Visitor",
  weekend: false,
};

/** Typical sessions: medians (of words and codes, the most frequent) of groups of the UCI data's 12,330 sessions. */
export const PRESETS: { id: string; label: string; what: string; session: Session }[] = [
  { id: "example", label: "Example", what: "The example request of the documents", session: EXAMPLE },
  {
    id: "buyer",
    label: "Buyer",
    what: "The typical one of the 1,908 sessions that bought",
    session: {
      ...EXAMPLE,
      administrative: 2,
      administrative_duration: 52.4,
      product_related: 29,
      product_related_duration: 1109.9,
      bounce_rates: 0,
      exit_rates: 0.016,
      page_values: 16.76,
      region: 1,
      traffic_type: 2,
    },
  },
  {
    id: "browser",
    label: "Browser",
    what: "The typical one of 2,999 long visits that bought nothing",
    session: {
      ...EXAMPLE,
      administrative: 2,
      administrative_duration: 30.5,
      product_related: 37,
      product_related_duration: 1282.5,
      bounce_rates: 0.0039,
      exit_rates: 0.0186,
      page_values: 0,
      traffic_type: 2,
    },
  },
  {
    id: "bouncer",
    label: "Bouncer",
    what: "The typical one of 697 visits of one page",
    session: {
      ...EXAMPLE,
      product_related: 1,
      product_related_duration: 0,
      bounce_rates: 0.2,
      exit_rates: 0.2,
      page_values: 0,
      month: "May",
      traffic_type: 3,
    },
  },
];

/** A session from the page's address: what is missing or makes no sense is as in the example. */
export function sessionOf(get: (name: string) => string): Session {
  const given = Object.fromEntries(
    FIELDS.flatMap((field): [string, unknown][] => {
      const text = get(field.name);
      if (text === "") return [];
      if (field.kind === "switch") return [[field.name, text === "true"]];
      if (field.kind === "choice") return field.choices.includes(text) ? [[field.name, text]] : [];
      const number = Number(text);
      return Number.isFinite(number) && number >= 0 ? [[field.name, number]] : [];
    }),
  );
  return { ...EXAMPLE, ...given };
}

/** The features of a session that is scored live, by the names of UCI's file, as the form has them. */
export function sessionOfFeatures(features: Schemas["Features"]): Session {
  return {
    administrative: features.Administrative,
    administrative_duration: features.Administrative_Duration,
    informational: features.Informational,
    informational_duration: features.Informational_Duration,
    product_related: features.ProductRelated,
    product_related_duration: features.ProductRelated_Duration,
    bounce_rates: features.BounceRates,
    exit_rates: features.ExitRates,
    page_values: features.PageValues,
    special_day: features.SpecialDay,
    month: features.Month,
    operating_systems: features.OperatingSystems,
    browser: features.Browser,
    region: features.Region,
    traffic_type: features.TrafficType,
    visitor_type: features.VisitorType,
    weekend: features.Weekend,
  };
}
