from .constants import constant_program
from .export import Export, export_run
from .packing import Pack, pack
from .row_seeds import with_row_seeds
from .separate_files import write_each
from .signatures import SIGNATURES, Argument, Signature, conditions_of, signatures_of
from .verify import Difference

__all__ = [
    "SIGNATURES",
    "Argument",
    "Difference",
    "Export",
    "Pack",
    "Signature",
    "conditions_of",
    "constant_program",
    "export_run",
    "pack",
    "signatures_of",
    "with_row_seeds",
    "write_each",
]
