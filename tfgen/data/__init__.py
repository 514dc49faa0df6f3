"""Data sets: built-in ones, those of tensorflow-datasets, splits, binarisation, dequantisation."""
