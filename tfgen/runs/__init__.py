"""Runs: their folders, options, results and comparisons."""
