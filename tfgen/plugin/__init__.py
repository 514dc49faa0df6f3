"""The plugin spec: what a plugin registers, how it is found, loaded and checked."""
