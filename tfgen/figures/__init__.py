"""Figures: samples, training curves, densities, latent spaces, completions, neighbours."""
