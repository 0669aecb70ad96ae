"""Experiments as pure functions: who is in which arm, for what audience, by the definitions in force. No I/O."""
