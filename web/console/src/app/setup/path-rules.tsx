import type { Schemas } from "@/api/client";
import { Button } from "@/components/button";
import { Input, Select } from "@/components/form";

export type PathRule = Schemas["PathRuleFields"];

const TYPES: Record<PathRule["type"], string> = {
  ProductRelated: "products",
  Informational: "information",
  Administrative: "account and checkout",
};

/** Which pages are of products, by the beginning of their path; the first rule that fits counts. */
export function PathRules({ rules, onChange }: { rules: PathRule[]; onChange: (rules: PathRule[]) => void }) {
  const set = (place: number, rule: PathRule) => onChange(rules.map((each, at) => (at === place ? rule : each)));
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">Kinds of pages</legend>
      <p className="mb-2 text-xs text-muted">
        By the beginning of their path, where a page does not give its own kind.
      </p>
      <ul className="space-y-2">
        {rules.map((rule, place) => (
          <li key={place} className="flex flex-wrap gap-2">
            <Input
              aria-label="Path begins with"
              placeholder="/products"
              value={rule.prefix}
              onChange={(event) => set(place, { ...rule, prefix: event.target.value })}
              className="min-w-0 flex-1"
            />
            <Select
              aria-label="Kind of page"
              value={rule.type}
              onChange={(event) => set(place, { ...rule, type: event.target.value as PathRule["type"] })}
            >
              {Object.entries(TYPES).map(([type, label]) => (
                <option key={type} value={type}>
                  {label}
                </option>
              ))}
            </Select>
            <Button look="quiet" onClick={() => onChange(rules.filter((_, at) => at !== place))}>
              Remove
            </Button>
          </li>
        ))}
      </ul>
      <Button
        look="quiet"
        className="mt-1 -ml-3.5"
        onClick={() => onChange([...rules, { prefix: "", type: "ProductRelated" }])}
      >
        Add a rule
      </Button>
    </fieldset>
  );
}
