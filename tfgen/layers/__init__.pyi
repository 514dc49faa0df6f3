from .codecs import LogitCodec, bits_per_dim, from_signed, logit_squeeze, to_signed, to_unit
from .dense import MLP, DenseStack, context_network
from .feature_maps import halved, halved_sides, upsampled
from .labels import drop_labels, label_planes, leading_shape, repeated_like, with_label, with_label_planes
from .log_likelihoods import bernoulli_log_prob, discretised_logistic_log_prob
from .masked import MaskedConv2D, Sees
from .products import matrix_product
from .transposed import NarrowConv2DTranspose

__all__ = [
    "MLP",
    "DenseStack",
    "LogitCodec",
    "MaskedConv2D",
    "NarrowConv2DTranspose",
    "Sees",
    "bernoulli_log_prob",
    "bits_per_dim",
    "context_network",
    "discretised_logistic_log_prob",
    "drop_labels",
    "from_signed",
    "halved",
    "halved_sides",
    "label_planes",
    "leading_shape",
    "logit_squeeze",
    "matrix_product",
    "repeated_like",
    "to_signed",
    "to_unit",
    "upsampled",
    "with_label",
    "with_label_planes",
]
