"""The console at port 3000: its pages as they were built, who is signed in, and the query API on the same origin."""
