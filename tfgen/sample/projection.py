"""Projections of latent codes into the plane: PCA, t-SNE, UMAP."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfgen.errors import DataError, TfgenError, UnknownNameError
from tfgen.seeds import generator

Floats = NDArray[np.float64]

_NO_UMAP = "--project umap needs another package; run: pip install umap-learn"
_SEED = 12  # purpose of the seed: the random numbers of a projection
#: Neighbours that t-SNE's points have in effect (perplexity), scikit-learn's default; UMAP's neighbours are its default too.
_PERPLEXITY, _NEIGHBOURS = 30.0, 15
#: Fewer codes than these have no neighbours to be placed by.
_FEWEST = 5


def t_sne(codes: NDArray[Any], seed: int = 0) -> Floats:
    """Project codes by t-SNE (van der Maaten, Hinton: Visualizing data using t-SNE, 2008), [n, d] -> [n, 2].

    It begins at the first two principal components, for codes of one dimension at random places.

    Raises:
        DataError: for fewer than five codes, or codes that are all alike.
    """
    from sklearn.manifold import TSNE

    codes = _enough(codes, "t-SNE")
    perplexity = min(_PERPLEXITY, (len(codes) - 1) / 3)
    start: Any = "pca" if codes.shape[1] > 1 else "random"
    projection = TSNE(2, perplexity=perplexity, init=start, random_state=_seed(seed))
    return np.asarray(projection.fit_transform(codes), np.float64)


def umap(codes: NDArray[Any], seed: int = 0) -> Floats:
    """Project codes by UMAP (McInnes, Healy, Melville: UMAP, 2018, arXiv:1802.03426), [n, d] -> [n, 2].

    Raises:
        DataError: for fewer than five codes, or codes that are all alike.
        TfgenError: where umap-learn is not installed.
    """
    codes = _enough(codes, "UMAP")
    try:
        from umap import UMAP
    except ImportError as error:
        raise TfgenError(_NO_UMAP) from error
    neighbours = min(_NEIGHBOURS, len(codes) - 1)
    # A seed takes one thread; told so, UMAP has no warning about it.
    projection = UMAP(n_neighbors=neighbours, n_components=2, random_state=_seed(seed), n_jobs=1)
    return np.asarray(projection.fit_transform(codes), np.float64)


#: The non-linear projections by name, and what they are called in pictures.
PROJECTIONS: dict[str, tuple[str, Callable[[NDArray[Any], int], Floats]]] = {
    "tsne": ("t-SNE", t_sne),
    "umap": ("UMAP", umap),
}


def require_projection(name: str) -> None:
    """Check the name of a projection, pca or one of `PROJECTIONS`, and that its package is there.

    Raises:
        UnknownNameError: for another one, with the closest.
        TfgenError: where umap-learn is not installed.
    """
    if name != "pca" and name not in PROJECTIONS:
        raise UnknownNameError("projection", name, ("pca", *PROJECTIONS))
    if name == "umap" and importlib.util.find_spec("umap") is None:
        raise TfgenError(_NO_UMAP)


def _enough(codes: NDArray[Any], name: str) -> Floats:
    if len(codes) < _FEWEST:
        raise DataError(f"{name} needs {_FEWEST} codes or more, got {len(codes)}.")
    codes = np.asarray(codes, np.float64)
    if not np.isfinite(codes).all() or not np.ptp(codes, axis=0).any():
        raise DataError(f"{name} places codes by their distances, and these are all alike or not finite.")
    return codes


def _seed(seed: int) -> int:
    return int(generator(seed, _SEED).integers(2**31))
