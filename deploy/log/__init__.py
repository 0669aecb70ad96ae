"""The log as operators see it: its topics, its controls, its consumer groups, and how to reach it."""
