// The score of a session on its site: the model's own, or corrected where it was learned from another shop. The same as
// scoring/prior.py, whose constants the head of a model has in `prior`, site_scores.py and site_bands.py.

const rounded = (probability) => Math.round(probability * 1e6) / 1e6;
const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

/**
 * Scores a session. `model` is of model.mjs, `file` the site's (site.mjs), `row` of its contract, `folded` what
 * valuesOf of fold.mjs gave. The answer is as `score` of the model gives it; without a `file` the site is unknown.
 */
export function scoreOnSite({ head, score }, file = {}, row, folded, most = 3) {
  const shop = head.training_shop, { values } = folded;
  if (!shop || shop.site === file.site) return classified(head, file, values.events, score(row, most), false);
  const { prior } = head, { least } = prior;
  const logit = (probability) => {
    const clipped = Math.min(Math.max(probability, least), 1 - least);
    return Math.log(clipped / (1 - clipped));
  };
  const own = score(transferable(row, head, file), Infinity);
  const conversion = file.expected_conversion ?? 0.03;
  const rise = prior.rise[prior.events.filter((events) => events <= values.events).length - 1];
  const level = folded.hasStatistics ? shop.level_with_statistics : shop.level;
  const base = logit(conversion) + rise, given = logit(own.probability), reference = logit(head.reference_probability);
  const start = sigmoid(base + prior.slope * (reference - level));
  const steps = [base + prior.slope * (given - level)];
  for (const [holds, weight] of evidenceOf(values, prior, logit, conversion)) {
    steps.push(steps[steps.length - 1] + (holds ? weight : 0));
  }
  const shares = steps.map(sigmoid), at = sigmoid(given), before = at - sigmoid(reference);
  const secant = Math.abs(before) < least
    ? prior.slope * start * (1 - start) / (at * (1 - at)) : (shares[0] - start) / before;
  const moved = own.reasons.map((each) => ({ ...each, contribution: each.contribution * secant }));
  prior.evidence.forEach((feature, place) => {
    moved.push({ feature, value: values[feature], contribution: shares[place + 1] - shares[place] });
  });
  const order = ({ feature }) => [...head.contract.columns, ...prior.evidence].indexOf(feature);
  const strength = ({ contribution }) => Math.round(Math.abs(contribution) * 1e6);
  const reasons = moved.filter(strength)
    .sort((one, other) => strength(other) - strength(one) || order(one) - order(other)).slice(0, most)
    .map((each) => ({ ...each, contribution: Math.round(each.contribution * 1e7) / 1e7 }));
  return classified(head, file, values.events, { probability: shares[shares.length - 1], reasons }, true);
}

/** The row as the training shop would have it, with what holds there alone left out. */
function transferable(row, { prior, reference, training_shop: shop }, { pages = {} }) {
  const made = [...row], levels = pages['*'];
  for (const place of prior.of_one_shop) made[place] = reference[place];
  if (!levels) return made;
  const [bounce, exit, value] = prior.rates, [bounces, exits, worth] = levels;
  const scaled = (rate, mean, level) => Math.min(rate * (level > 0 ? mean / level : 1), 1);
  if (row[bounce] === null) return made;
  made[bounce] = scaled(row[bounce], shop.bounce_rate, bounces);
  made[exit] = scaled(row[exit], shop.exit_rate, exits);
  made[value] = Math.max(row[value] * (worth > 0 ? shop.page_value / worth : 0) - shop.page_value, 0);
  return made;
}

/** Of each piece of evidence whether the session has it, and its log-odds. */
function evidenceOf(values, prior, logit, conversion) {
  const isReturning = values.previous_sessions === null ? values.VisitorType === 2 : values.previous_sessions > 0;
  const carts = logit(prior.of_carts);
  return [
    [isReturning, prior.returning],
    [values.previous_purchases > 0, prior.customer],
    [values.cart_quantity !== 0, Math.max(carts - logit(conversion) - prior.cart_head_start, 0)],
    [values.checkout_step > 0, logit(prior.of_checkouts) - carts],
  ];
}

/** Label and band: by the site's own limits where it has some, else by those of the first day or of the model. */
function classified({ version, bands, threshold, prior }, file, events, score, isForeign) {
  let limits = bands, yes = threshold;
  if (isForeign) {
    const share = file.expected_conversion ?? 0.03, odds = share / (1 - share);
    limits = [prior.building_odds, prior.high_odds].map((each) => rounded(each * odds / (1 + each * odds)));
    [, yes] = limits;
  }
  if (!file.limits_of || file.limits_of === version) {
    const own = (file.limits ?? []).filter((each) => each.events <= events).pop();
    if (own) limits = [own.building, own.high];
  }
  const probability = rounded(score.probability);
  return {
    ...score,
    label: probability >= yes ? 'YES' : 'NO',
    band: probability >= limits[1] ? 'high' : probability >= limits[0] ? 'building' : 'low',
  };
}

// As a part of tracker.js.
export default () => ({ scoreOnSite });
