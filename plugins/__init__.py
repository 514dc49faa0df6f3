"""The built-in plugins, found through the same entry-point group as anyone's."""
