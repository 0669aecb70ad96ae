"""A candidate's scores beside those of the model in force, compared, and the gate that reads the comparison."""
