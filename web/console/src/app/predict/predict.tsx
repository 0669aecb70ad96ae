"use client";

import { useQueryString } from "@/api/site";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { CopyButton } from "@/components/copy-button";
import { Select } from "@/components/form";
import { Page } from "@/components/page";
import { Loaded } from "@/components/states";

import { Answer } from "./answer";
import { Control } from "./controls";
import { CrossingList } from "./crossing-list";
import { curlOf } from "./curl";
import { GROUPS, PRESETS } from "./fields";
import { FromSession } from "./from-session";
import { ScoreFile } from "./score-file";
import { useModels, usePrediction } from "./use-prediction";
import { useSession } from "./use-session";

export function Predict() {
  const [session, change] = useSession();
  const { get, set } = useQueryString();
  const model = get("model");
  const models = useModels();
  const prediction = usePrediction(session, model);
  const answering = models.data?.models.find((each) => each.version === (prediction.data?.model ?? ""));
  return (
    <Page
      title="Predict"
      lead="What would the model say of such a session? Change a value and see the answer move."
      actions={
        <>
          <FromSession fill={change} />
          <Select
            aria-label="Model"
            className="w-60"
            value={model}
            onChange={(event) => set({ model: event.target.value })}
          >
            <option value="">Model in force</option>
            {models.data?.models.map(({ version }) => (
              <option key={version} value={version}>
                {version}
              </option>
            ))}
          </Select>
        </>
      }
    >
      <div className="grid gap-6 xl:grid-cols-[minmax(0,1fr)_25rem]">
        <div className="space-y-6">
          <Card
            title="The session"
            actions={
              <div role="group" aria-label="Typical sessions" className="flex flex-wrap gap-2">
                {PRESETS.map(({ id, label, what, session: preset }) => (
                  <Button key={id} title={what} className="h-8 px-3" onClick={() => change(preset)}>
                    {label}
                  </Button>
                ))}
              </div>
            }
          >
            <form className="space-y-7" onSubmit={(event) => event.preventDefault()}>
              {GROUPS.map(({ title, fields }) => (
                <fieldset key={title}>
                  <legend className="mb-3 text-xs font-semibold tracking-wide text-gold uppercase">{title}</legend>
                  <div className="grid gap-x-6 gap-y-4 sm:grid-cols-2 2xl:grid-cols-3">
                    {fields.map((field) => (
                      <Control key={field.name} field={field} session={session} change={change} />
                    ))}
                  </div>
                </fieldset>
              ))}
            </form>
          </Card>
          <Card
            title="Many sessions"
            note="A file is scored row by row and comes back with probability, label and reasons."
          >
            <ScoreFile model={model} />
          </Card>
        </div>
        <div className="space-y-6 xl:sticky xl:top-6 xl:self-start">
          <Card
            title="The answer"
            actions={
              <div className="flex gap-2">
                <CopyButton label="Copy link" text={() => window.location.href} />
                <CopyButton label="Copy as curl" text={() => curlOf(session, window.location.origin, model)} />
              </div>
            }
          >
            <Loaded query={prediction} what="the answer">
              {(answer) => <Answer answer={answer} manifest={answering} />}
            </Loaded>
          </Card>
          {prediction.data ? (
            <Card
              title="What would turn it"
              note="The smallest change of one feature alone that crosses the threshold."
            >
              <CrossingList session={session} model={model} label={prediction.data.label} change={change} />
            </Card>
          ) : null}
        </div>
      </div>
    </Page>
  );
}
