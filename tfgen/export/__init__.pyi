from .export import Export, export_run
from .row_seeds import with_row_seeds
from .signatures import SIGNATURES, Argument, Signature, conditions_of, signatures_of
from .verify import Difference

__all__ = [
    "SIGNATURES",
    "Argument",
    "Difference",
    "Export",
    "Signature",
    "conditions_of",
    "export_run",
    "signatures_of",
    "with_row_seeds",
]
