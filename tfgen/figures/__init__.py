"""Figures of examples, curves, densities, latent spaces."""
