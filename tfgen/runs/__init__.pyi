from .api import generate, load, train
from .comparison import Comparison, compare, curves, metric_rows, on_one_machine, rate_in_words
from .comparison_figure import draw_curve_panels
from .comparison_table import ComparisonRow, TextTable, comparison_rows, text_table
from .config import RunConfig, config_from_json, default_config, plugin_words, run_plugin_words
from .cycles import Cycle, recorded_cycles
from .experiment import resume_run, start_run
from .facts import SPLITS, RunFacts, read_run, read_runs
from .folder import RunFolder
from .importing import import_run
from .label_rows import label_notes, with_given_label
from .metric_row import MetricRow, in_words
from .places import check_name
from .requested_metrics import check_metric_names, record_metrics
from .run import Run
from .sample_file import write_samples

__all__ = [
    "SPLITS",
    "Comparison",
    "ComparisonRow",
    "Cycle",
    "MetricRow",
    "Run",
    "RunConfig",
    "RunFacts",
    "RunFolder",
    "TextTable",
    "check_metric_names",
    "check_name",
    "compare",
    "comparison_rows",
    "config_from_json",
    "curves",
    "default_config",
    "draw_curve_panels",
    "generate",
    "import_run",
    "in_words",
    "label_notes",
    "load",
    "metric_rows",
    "on_one_machine",
    "plugin_words",
    "rate_in_words",
    "read_run",
    "read_runs",
    "record_metrics",
    "recorded_cycles",
    "resume_run",
    "run_plugin_words",
    "start_run",
    "text_table",
    "train",
    "with_given_label",
    "write_samples",
]
