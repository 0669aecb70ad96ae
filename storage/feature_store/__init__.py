"""The offline half of the feature store: what the timeline has of whole days, as an export reads it."""
