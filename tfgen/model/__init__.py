"""The model contract: the base class and the capabilities that a model may offer."""
