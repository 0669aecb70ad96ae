"""The kinds of faults, one small file for each family; `kinds.py` lists them all."""
