"""Events to scored sessions: one pure step, and the Faust shell around it."""
