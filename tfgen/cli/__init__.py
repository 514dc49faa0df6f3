"""Command line, and its parts for commands of plugins: context, parsed options, printed tables.

Each public name, listed in ``__init__.pyi``, loads its module when it is first used.
"""

import lazy_loader

from tfgen.cli.main import main as main  # at once: the module of this name would hide the function

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
