from .export import Export, export_run
from .packing import pack
from .signatures import SIGNATURES, Argument, Signature, signatures_of
from .verify import Difference

__all__ = ["SIGNATURES", "Argument", "Difference", "Export", "Signature", "export_run", "pack", "signatures_of"]
