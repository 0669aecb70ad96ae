"""Faults on a whole system of its own: `opecom chaos` injects them by a seeded plan, and counts what was lost.

Nothing of the product knows of this folder: parts are started through `launcher.py`, which patches them from outside.
Read plan.py, run.py, then check.py.
"""
