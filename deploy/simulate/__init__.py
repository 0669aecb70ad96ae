"""Real input for the pipeline: UCI rows as live sessions."""
