"""What every route of the query API stands on: keys, refusals, answers, request metrics."""
