"""Whether the sessions of a day are those that came before: distributions of features and scores at equal events. Pure.

Read in this order: bins.py (values to histograms), quiet.py (how far quiet days are apart), alarms.py (which distances
are none of theirs, and what usually causes them).
"""
