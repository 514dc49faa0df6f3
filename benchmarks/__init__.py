"""Benchmark programs: the suite with other libraries beside it, profiles, and studies of one question each."""
