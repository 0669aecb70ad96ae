"""Settings, wiring and commands: the one place that builds the system's parts."""
