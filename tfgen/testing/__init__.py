"""Conformance suite: the checks that every model must pass, for tests of plugins."""
