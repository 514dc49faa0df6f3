"""Commands of `tfgen`, one module each; the module's docstring is its line in `tfgen --help`."""
