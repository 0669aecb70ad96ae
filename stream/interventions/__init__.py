"""Interventions as pure functions: which rule of a site fires at which moment of a session. No I/O."""
