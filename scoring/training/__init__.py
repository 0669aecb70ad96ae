"""From a file of sessions to a model version: load, split, fit, export, check, evaluate. Needs the extra `train`."""
