"""The model card: what a version was trained on, how good it is, and what it must not be used for."""

from textwrap import fill

from scoring.features import NAMES
from scoring.manifest import Manifest
from scoring.training.differences import SMOOTH_PAIRS, TREE_PAIRS
from scoring.training.split import Split
from scoring.training.tracks import Track
from scoring.training.truncate import Shares

FURTHER = (
    " A month that was not in the data counts as unknown. It was fitted on one shop in one year: train on your own "
    "sessions as soon as you have them."
)
WIDTH = 120
TREES = "one operator outside ONNX's standard ones, TreeEnsemble of ai.onnx.ml 5, which builds for browsers may lack"
KINDS = {
    "tabm": """TabM (official package): an ensemble of 4 networks of one hidden layer of 128 over piecewise-linear
  embeddings (16 bins, no activation) of the numbers, log1p first, clipped to their training range, and one-hot words;
  AdamW without class weights, stopped by the validation log-loss""",
    "lr": "logistic regression (C=0.1) on log1p of the numbers, clipped to their training range, and one-hot words",
    "tabm-reported": """the report's TabM from its table and diagram: an ensemble of 4 networks of 128, 64 and 32 over
  linear embeddings (64) of standardized numbers and one-hot codes, batch norm; Adam, stopped by the validation AUC""",
    "lr-reported": "the report's logistic regression (C=0.1) on standardized numbers and one-hot codes",
    "xgboost": f"""the report's XGBoost (100 trees, depth 6, rate 0.1) on standardized numbers and one-hot codes;
  {TREES}""",
    "lightgbm": f"""LightGBM, the best of a grid by the validation log-loss, with splits by sets of codes;
  {TREES}""",
}
RESCALED = "DeepLIFT's rescale rule against"
#: Pairs of orders by the kind of model whose reasons come from mixed sessions.
MIXED = {
    "tabm-reported": SMOOTH_PAIRS,
    "lr-reported": SMOOTH_PAIRS,
    "xgboost": TREE_PAIRS,
    "lightgbm": TREE_PAIRS,
}


def card(manifest: Manifest, parts: Split, track: Track, kind: str, notes: tuple[str, ...]) -> str:
    """Markdown."""
    measured = "\n".join(f"| {name} | {value:.4f} |" for name, value in manifest.metrics.items())
    reference = ", ".join(f"{name} {value:g}" for name, value in zip(NAMES, manifest.reference, strict=True))
    reasons = (
        f"- **Reasons**: {_reasons(kind)} a reference session, the training split's median numbers and "
        f"commonest words: {reference}. They sum to probability - reference probability, which is "
        f"{manifest.reference_probability:.6f}."
    )
    sizes = "/".join(f"{len(part.bought):,}" for part in (parts.train, parts.validation, parts.test))
    building, high = manifest.bands
    further = "".join(fill(f"- {note}", WIDTH, subsequent_indent="  ") + "\n" for note in notes)
    return f"""# {manifest.version}

The probability that a shop session ends in a purchase, with the reasons for it, from 17 features of the session.

- **Model**: {KINDS[kind]};
  one ONNX graph with the raw features as input. Made {manifest.created_at} by {manifest.code_version}.
- **Track**: {manifest.track}. {_track(track)}
- **Data**: Online Shoppers Purchasing Intention, UCI 468, C. O. Sakar and Y. Kastro (2018),
  doi:10.24432/C5F88Q, licence CC BY 4.0 (creativecommons.org/licenses/by/4.0). The model was derived from it, the data
  itself is not included. File sha256 `{manifest.data_sha256}`.
- **Split**: stratified 70/10/20 with seed 42: {sizes} sessions.
- **Label**: YES from {manifest.threshold:.6f} on, the greatest F1 on the validation split.
- **Bands**: building from {building:.6f}, where 9 of 10 buyers of the validation split are building or high; high from
  {high:.6f}, the threshold, so that high means YES.
{fill(reasons, WIDTH, subsequent_indent="  ")}
{further}
| measured on the test split, whole sessions | |
|---|---|
{measured}

{fill("**Limits.** " + _limits(track) + FURTHER, WIDTH)}
"""


def _reasons(kind: str) -> str:
    if kind not in MIXED:
        return RESCALED
    return (
        f"the mean difference that each feature makes as the session's values come in one after another, along "
        f"{2 * MIXED[kind]} orders of the features ({32 * MIXED[kind]} more runs of the model for each score), from"
    )


def _track(track: Track) -> str:
    if not track.unknown:
        return "All 17 features, with the file's own codes; a live site's codes are not these."
    unseen = ", ".join(track.unknown)
    return (
        f"{unseen} have no influence: the code books behind the\n  training data were never published, so its codes "
        "are not this system's codes. Any value is taken as unknown."
    )


def _limits(track: Track) -> str:
    if not track.beginnings:
        return (
            "It was fitted on whole sessions, so the score of a session that has only begun is that of a whole\n"
            "session which looks like its beginning; for live sites use the live track."
        )
    shares = Shares()
    cut, unvalued, bare = (
        f"{share:.0%}" for share in (shares.cut, shares.without_page_values, shares.without_statistics)
    )
    return f"""The file has whole sessions, and live scores are of beginnings. So {cut} of the training rows, drawn
again each epoch, are cut after a uniform number of their page views: kinds of pages drawn without replacement, seconds
in proportion with the last view still open, mean rates kept, PageValues kept with the share of the views that is left
and else 0. That is a guess at the order of views, which the file does not keep; sessions of your own, recorded from
their beginning (`opecom features`), are better. Of all rows {unvalued} have PageValues 0 and {bare} more all three page
statistics 0, as at a shop that has none yet. A 0 may therefore mean "unknown" as well as "no value", and where a shop
does measure PageValues the model trusts a 0 less than one that never saw them missing."""
