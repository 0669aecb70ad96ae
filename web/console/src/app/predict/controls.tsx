/** The control of one feature. */

import { asDuration } from "@/components/format";
import { Field, Input, Select } from "@/components/form";

import type { FormField, Session } from "./fields";

export function Control({
  field,
  session,
  change,
}: {
  field: FormField;
  session: Session;
  change: (changed: Partial<Session>) => void;
}) {
  const value = session[field.name];
  const set = (next: string | number | boolean) => change({ [field.name]: next });
  const number = typeof value === "number" ? value : 0;
  if (field.kind === "switch") {
    return (
      <label className="flex h-9 items-center gap-3 self-end">
        <input
          type="checkbox"
          role="switch"
          checked={value === true}
          onChange={(event) => set(event.target.checked)}
          className="size-4.5 accent-lapis"
        />
        <span className="text-sm font-medium">{field.label}</span>
      </label>
    );
  }
  if (field.kind === "choice" && field.choices.length <= 3) {
    return (
      <fieldset>
        <legend className="mb-1 text-sm font-medium">{field.label}</legend>
        <div className="flex rounded-md border border-field">
          {field.choices.map((choice, place) => (
            <label
              key={choice}
              className="flex h-8.5 flex-1 items-center justify-center px-2 text-sm first:rounded-l-[5px] last:rounded-r-[5px] has-checked:bg-lapis has-checked:text-on-lapis has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-lapis"
            >
              <input
                type="radio"
                name={field.name}
                value={choice}
                checked={value === choice}
                onChange={() => set(choice)}
                className="sr-only"
              />
              {field.words[place]}
            </label>
          ))}
        </div>
      </fieldset>
    );
  }
  return (
    <Field label={field.label} hint={field.kind === "seconds" ? asDuration(number) : field.hint}>
      {(ids) => {
        if (field.kind === "choice") {
          return (
            <Select
              {...ids}
              name={field.name}
              value={String(value)}
              onChange={(event) => set(event.target.value)}
              className="w-full"
            >
              {field.choices.map((choice, place) => (
                <option key={choice} value={choice}>
                  {field.words[place]}
                </option>
              ))}
            </Select>
          );
        }
        if (field.kind === "code") {
          return (
            <Select
              {...ids}
              name={field.name}
              value={number}
              onChange={(event) => set(Number(event.target.value))}
              className="w-full"
            >
              {Array.from({ length: field.most + 1 }, (_, code) => (
                <option key={code} value={code}>
                  {code === 0 ? "0, unknown" : code}
                </option>
              ))}
              {number > field.most ? <option value={number}>{number}, unknown</option> : null}
            </Select>
          );
        }
        return <Slider ids={ids} field={field} number={number} set={set} />;
      }}
    </Field>
  );
}

const SCALES = {
  count: { step: 1, unit: "" },
  seconds: { step: 0.1, unit: "s" },
  rate: { step: 0.0001, unit: "" },
  money: { step: 0.01, unit: "" },
  share: { step: 0.2, unit: "" },
} as const;

/** A slider for what is usual and a number beside it for whatever is wanted. */
function Slider({
  ids,
  field,
  number,
  set,
}: {
  ids: { id: string; "aria-describedby": string | undefined };
  field: FormField & { kind: keyof typeof SCALES };
  number: number;
  set: (next: number) => void;
}) {
  const { step } = SCALES[field.kind];
  const usual = field.kind === "rate" ? 0.2 : field.kind === "share" ? 1 : field.most;
  const limit = field.kind === "rate" || field.kind === "share" ? 1 : undefined;
  const coarse = field.kind === "count" ? 1 : field.kind === "share" ? 0.2 : usual / 200;
  const keep = (text: string) => {
    const next = Number(text);
    if (text !== "" && Number.isFinite(next) && next >= 0) set(Math.min(limit ?? 1e9, next));
  };
  return (
    <div className="flex items-center gap-3">
      <input
        type="range"
        aria-label={`${field.label}, slider`}
        min={0}
        max={usual}
        step={coarse}
        value={Math.min(number, usual)}
        onChange={(event) => set(Number(Number(event.target.value).toFixed(4)))}
        className="h-9 min-w-0 flex-1 accent-lapis"
      />
      <Input
        {...ids}
        name={field.name}
        type="number"
        inputMode="decimal"
        min={0}
        max={limit}
        step={field.kind === "count" ? step : "any"}
        value={number}
        onChange={(event) => keep(event.target.value)}
        className="w-24 text-right tabular-nums"
      />
    </div>
  );
}
