"""Whether the sessions of a window are like those that came before. Pure.

Read in this order: bins.py (values to histograms), quiet.py (how far quiet days are apart), windows.py (what is counted
of a window), outcomes.py and measures.py (figures of windows, and their chance), alarms.py (which distances are none of
quiet days), causes.py (what usually causes them).
"""
