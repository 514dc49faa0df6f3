"""The benchmark suite: what a model costs, beside the limits of the machine. ``tfgen bench`` runs it.

Contenders work in processes of their own (`worker`, and `pipe` at the other end), take turns (`suite`), and leave one row for
each thing that was timed (`rows`), which tables, figures and comparisons read.
"""
