"""The conformance suite for models."""
