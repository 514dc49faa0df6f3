from .data.binarisation import binarise
from .data.columns import Column
from .data.dataset import Dataset, Split
from .data.dequantisation import dequantise, logit_squeeze, quantise
from .data.lookup import load_dataset
from .data.spec import DataSpec
from .errors import (
    CapabilityError,
    DataError,
    NonFiniteError,
    OptionError,
    OutOfMemoryError,
    OutputError,
    PluginError,
    RunError,
    TfgenError,
    UnknownNameError,
    require_option,
)
from .evaluate.features import FeatureNetwork, Features, feature_network
from .evaluate.measurement import Measurement
from .evaluate.model_divergences import model_divergences
from .evaluate.sample_quality import SampleMetrics, measure_samples
from .export.packing import pack
from .metrics.metric import Basis, Metric
from .model.base import GenerativeModel, build_model
from .model.capabilities import (
    Decodes,
    HasDecoderLikelihood,
    HasElbo,
    HasEnergy,
    HasLatents,
    HasLogProb,
    HasPosterior,
    InitialisesFromData,
    Inpaints,
    Samples,
)
from .model.objective import Batch, Context, Objective
from .plugin.hookspecs import hookimpl
from .plugin.lint import lint
from .plugin.loading import load_registry
from .plugin.registration import Registration
from .plugin.registry import Registry
from .plugin.specs import (
    CommandSpec,
    DatasetSpec,
    DataSources,
    ExportFormatSpec,
    FeatureNetworkSpec,
    MetricSpec,
    ModelSpec,
    OptimizerSpec,
    PictureSpec,
    ScheduleSpec,
)
from .plugin.train_options import TrainOptions
from .runs.api import generate, load, score, train
from .runs.comparison import compare
from .runs.facts import read_runs
from .runs.run import Run
from .sample.inpainting import inpaint
from .sample.interpolation import interpolate
from .sample.latent import LatentSpace
from .sample.progress import note_progress
from .sample.throughput import samples_per_second
from .seeds import as_seed, fold_in, normal, split_seed, uniform
from .training.interruption import InterruptedRunError

__version__: str

__all__ = [
    "Basis",
    "Batch",
    "CapabilityError",
    "Column",
    "CommandSpec",
    "Context",
    "DataError",
    "DataSources",
    "DataSpec",
    "Dataset",
    "DatasetSpec",
    "Decodes",
    "ExportFormatSpec",
    "FeatureNetwork",
    "FeatureNetworkSpec",
    "Features",
    "GenerativeModel",
    "HasDecoderLikelihood",
    "HasElbo",
    "HasEnergy",
    "HasLatents",
    "HasLogProb",
    "HasPosterior",
    "InitialisesFromData",
    "Inpaints",
    "InterruptedRunError",
    "LatentSpace",
    "Measurement",
    "Metric",
    "MetricSpec",
    "ModelSpec",
    "NonFiniteError",
    "Objective",
    "OptimizerSpec",
    "OptionError",
    "OutOfMemoryError",
    "OutputError",
    "PictureSpec",
    "PluginError",
    "Registration",
    "Registry",
    "Run",
    "RunError",
    "SampleMetrics",
    "Samples",
    "ScheduleSpec",
    "Split",
    "TfgenError",
    "TrainOptions",
    "UnknownNameError",
    "as_seed",
    "binarise",
    "build_model",
    "compare",
    "dequantise",
    "feature_network",
    "fold_in",
    "generate",
    "hookimpl",
    "inpaint",
    "interpolate",
    "lint",
    "load",
    "load_dataset",
    "load_registry",
    "logit_squeeze",
    "measure_samples",
    "model_divergences",
    "normal",
    "note_progress",
    "pack",
    "quantise",
    "read_runs",
    "require_option",
    "samples_per_second",
    "score",
    "split_seed",
    "train",
    "uniform",
]
