"""One small file for each command; its docstring is its line in `tfgen --help`."""
