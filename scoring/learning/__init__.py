"""A model learned from a site's own sessions, without PyTorch: arrays in, a graph and its figures out.

Read in this order: rows, split, families (logistic, network, boosting, recalibrated), calibration, choose, figures,
report, registration. It knows no database.
"""
