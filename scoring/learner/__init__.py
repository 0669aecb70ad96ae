"""The learner's decisions: which site learns when, what follows from each result. Time is an argument. Pure."""
