"""Features to probability and reasons, and the training behind it; knows nothing of events."""
