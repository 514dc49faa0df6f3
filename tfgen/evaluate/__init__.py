"""Evaluation of models: likelihoods, bounds, classification, sample quality, divergences."""
