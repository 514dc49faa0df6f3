"""Command line, and what commands of plugins need of it: context, options parsed, tables printed.

Each public name, listed in ``__init__.pyi``, loads its module when it is first used.
"""

import lazy_loader

from tfgen.cli.main import main as main  # at once: the module of this name would hide the function

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
