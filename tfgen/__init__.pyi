from .data.binarisation import binarise
from .data.dataset import Dataset, Split
from .data.dequantisation import dequantise, logit_squeeze, quantise
from .data.spec import DataSpec
from .errors import DataError, TfgenError, require_option
from .evaluate.features import FeatureNetwork, feature_network
from .evaluate.model_divergences import model_divergences
from .evaluate.sample_quality import Plan, measure_samples
from .model.base import Batch, GenerativeModel, Objective
from .model.capabilities import (
    Decodes,
    HasElbo,
    HasLatents,
    HasLogProb,
    HasPosterior,
    HasTemperature,
    Inpaints,
    Samples,
)
from .plugin.hookspecs import hookimpl
from .plugin.registration import Registration
from .plugin.registry import Registry
from .plugin.specs import CommandSpec, DatasetSpec, DataSources, ModelSpec
from .runs.api import generate, load, train
from .runs.run import Run
from .seeds import as_seed, fold_in, normal, split_seed, uniform

__version__: str

__all__ = [
    "Batch",
    "CommandSpec",
    "DataError",
    "DataSources",
    "DataSpec",
    "Dataset",
    "DatasetSpec",
    "Decodes",
    "FeatureNetwork",
    "GenerativeModel",
    "HasElbo",
    "HasLatents",
    "HasLogProb",
    "HasPosterior",
    "HasTemperature",
    "Inpaints",
    "ModelSpec",
    "Objective",
    "Plan",
    "Registration",
    "Registry",
    "Run",
    "Samples",
    "Split",
    "TfgenError",
    "as_seed",
    "binarise",
    "dequantise",
    "feature_network",
    "fold_in",
    "generate",
    "hookimpl",
    "load",
    "logit_squeeze",
    "measure_samples",
    "model_divergences",
    "normal",
    "quantise",
    "require_option",
    "split_seed",
    "train",
    "uniform",
]
