"""Sampling from models: samples, inpainting, interpolations, latent codes."""
