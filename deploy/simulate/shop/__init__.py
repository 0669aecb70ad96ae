"""A generated shop whose truth is known: at each event of a session, the probability that the session buys."""
