"""Whether an arm of an experiment does better than its control, and by how much. Pure.

Read in this order: names.py (of metrics), tails.py (normal and chi-square), visitors.py (what is given), labels.py (who
counts, by a rule written before the reading) and merge.py (visitors that were read in parts), moments.py (counts, means
and covariances by arm), metrics.py (which columns a metric has), effects.py (rates, CUPED, differences and ratios),
any_time.py and planned_looks.py (the two readings), sample_ratio.py (whether the arms are as large as they should be),
segments.py and uplift.py (who is moved), reading.py (all of it for one experiment), words.py (what may be concluded and
what not), plan.py and duration.py (how many visitors, how many days).
docs/experiments-statistics.md has the sources.
"""
