"""The model card: what a version was trained on, how good it is, and what it must not be used for."""

from scoring.features import NAMES
from scoring.model import Manifest
from scoring.training.fit import CODES
from scoring.training.split import Split


def card(manifest: Manifest, parts: Split) -> str:
    """Markdown."""
    measured = "\n".join(f"| {name} | {value:.4f} |" for name, value in manifest.metrics.items())
    reference = ", ".join(f"{name} {value:g}" for name, value in zip(NAMES, manifest.reference, strict=True))
    sizes = "/".join(f"{len(part.bought):,}" for part in (parts.train, parts.validation, parts.test))
    building, high = manifest.bands
    return f"""# {manifest.version}

The probability that a shop session ends in a purchase, with the reasons for it, from 17 features of the session.

- **Model**: logistic regression (C=0.1) on log1p of the numbers, clipped to their training range, and one-hot Month and
  VisitorType; one ONNX graph with the raw features as input. Made {manifest.created_at} by {manifest.code_version}.
- **Track**: {manifest.track}. {", ".join(CODES)} have no influence: the code books behind the
  training data were never published, so its codes are not this system's codes. Any value is taken as unknown.
- **Data**: Online Shoppers Purchasing Intention, UCI 468, C. O. Sakar and Y. Kastro (2018),
  doi:10.24432/C5F88Q, licence CC BY 4.0 (creativecommons.org/licenses/by/4.0). The model was derived from it, the data
  itself is not included. File sha256 `{manifest.data_sha256}`.
- **Split**: stratified 70/10/20 with seed 42: {sizes} sessions.
- **Label**: YES from {manifest.threshold:.6f} on, the greatest F1 on the validation split.
- **Bands**: building from {building:.6f}, where 9 of 10 buyers of the validation split are building or high; high from
  {high:.6f}, the threshold, so that high means YES.
- **Reasons**: DeepLIFT's rescale rule against a reference session, the training split's median numbers and commonest
  words: {reference}.
  They sum to probability - reference probability, which is {manifest.reference_probability:.6f}.

| measured on the graph by onnxruntime | |
|---|---|
{measured}

**Limits.** It was fitted on whole sessions of one shop in one year, so the score of a session that has only begun is
that of a whole session which looks like its beginning. A month that was not in the data counts as unknown. PageValues
weighs most: where a site has no page statistics it is 0 and the scores lean on the rest. Train on your own sessions as
soon as you have them.
"""
