"""Drawing from models: samples, completions, interpolations, latent codes."""
