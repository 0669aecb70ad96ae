"""Real input for the pipeline: UCI rows and the clicks of an e-shop as sessions of events."""
