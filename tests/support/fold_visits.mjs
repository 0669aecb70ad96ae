// node fold_visits.mjs STATIC VISITS: the rows of visits, and scores if there is a model, by the modules that pages get.
import { readFileSync } from 'node:fs';

const [folder, file] = process.argv.slice(2);
const { newSession, take, valuesOf, rowOf } = await import(`${folder}/fold.mjs`);
const { siteOf, deviceOf } = await import(`${folder}/site.mjs`);
const { modelOf } = await import(`${folder}/model.mjs`);
const { scoreOnSite } = await import(`${folder}/prior.mjs`);
const given = JSON.parse(readFileSync(file));

const site = siteOf(given.file);
const model = given.model && modelOf(given.model.head, Uint8Array.from(Buffer.from(given.model.weights, 'base64')).buffer);
const rows = given.visits.map(([userAgent, made]) => {
  let state = newSession();
  for (const [at, body] of made) state = take(state, body, site, at);
  if (!state.steps.length) return [0, []];
  // As a page keeps it.
  const { steps } = JSON.parse(JSON.stringify(state));
  const folded = valuesOf(steps, site, { device: deviceOf(userAgent) });
  const score = model && scoreOnSite(model, given.file, rowOf(folded, model.head.contract), folded);
  return [steps.length, given.contracts.map((contract) => rowOf(folded, contract)), ...(score ? [score] : [])];
});
process.stdout.write(JSON.stringify(rows));
