"""Programs that compare a simulated site's rows with the file they came from, and import nothing else of ours."""
