"""Results of experiments, read from what the writer stored: exposures and sessions from ClickHouse, orders and refunds
from the relational database. What is computed of them is scoring/experiments.
"""
