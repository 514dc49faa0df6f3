from .constants import constant_program
from .export import Export, export_run
from .packing import Pack, pack
from .separate_files import write_each
from .signatures import SIGNATURES, Argument, Signature, signatures_of
from .verify import Difference

__all__ = [
    "SIGNATURES",
    "Argument",
    "Difference",
    "Export",
    "Pack",
    "Signature",
    "constant_program",
    "export_run",
    "pack",
    "signatures_of",
    "write_each",
]
