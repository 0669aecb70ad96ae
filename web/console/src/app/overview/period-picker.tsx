import { Input, Select } from "@/components/form";

import { type ChosenPeriod, COMPARISONS, PRESETS } from "./use-period";

interface Props {
  period: ChosenPeriod;
  set: (values: Record<string, string>) => void;
}

/** Which days, by hours or days, and what stands beside them. */
export function PeriodPicker({ period, set }: Props) {
  const own = (values: { from?: string; to?: string }) =>
    set({ from: period.first, to: period.last, period: "", ...values });
  return (
    <form className="flex flex-wrap items-end gap-x-3 gap-y-2" onSubmit={(event) => event.preventDefault()}>
      <Select
        aria-label="Period"
        value={period.preset}
        onChange={({ target }) =>
          target.value === "own" ? own({}) : set({ period: target.value, from: "", to: "", by: "" })
        }
      >
        {PRESETS.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
        <option value="own">Days of your own</option>
      </Select>
      {period.preset === "own" ? (
        <>
          <Input
            type="date"
            aria-label="First day"
            value={period.first}
            max={period.last}
            onChange={({ target }) => target.value && own({ from: target.value })}
          />
          <Input
            type="date"
            aria-label="Last day"
            value={period.last}
            min={period.first}
            onChange={({ target }) => target.value && own({ to: target.value })}
          />
        </>
      ) : null}
      <label className="flex items-center gap-2 text-sm text-muted">
        beside
        <Select
          aria-label="Compared with"
          value={period.compare}
          onChange={({ target }) => set({ compare: target.value === "previous" ? "" : target.value })}
        >
          {COMPARISONS.map(({ id, label }) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </Select>
      </label>
    </form>
  );
}
