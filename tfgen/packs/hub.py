"""Packs in repositories of the Hugging Face Hub: pushed with a README, pulled into a folder. The network is used here alone."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfgen.data.spec import DataSpec
from tfgen.errors import OptionError, OutputError, RunError, TfgenError
from tfgen.packs.write import Pack
from tfgen.version import DISTRIBUTION

#: The pack's name in a repository.
PACK_FILE = "run.tfgen"
_REPOSITORY = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", re.ASCII)
#: Licences by the identifiers that the Hub knows; another one is "other" with its name.
_LICENCES = frozenset({
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "gpl-2.0", "gpl-3.0", "lgpl-3.0",
    "agpl-3.0", "mpl-2.0", "openrail", "unlicense", "odbl", "pddl",
})  # fmt: skip
_LONGEST = 300  # characters of a message of the client that are shown


def require_hub(option: str, repository: str) -> None:
    """Check that the client is installed and that a repository is named as the Hub names it, before any work is done.

    Args:
        option: that names it, ``--push`` for example.
        repository: ``OWNER/NAME``.

    Raises:
        OptionError: says what to install, or how a repository is named.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise OptionError(f"{option} needs huggingface_hub, which is not installed; pip install '{DISTRIBUTION}[hub]'")
    if not _REPOSITORY.fullmatch(repository):
        raise OptionError(f"{option} {repository!r} is no repository; name it as OWNER/NAME.")


def push(pack: Pack, repository: str, data: DataSpec, licence: str | None = None, private: bool = False) -> str:
    """Upload a pack and its model card in one commit, and return the address of the repository, which is made if need be.

    Args:
        pack: that was written.
        repository: ``OWNER/NAME``; its ``run.tfgen`` and ``README.md`` get a new version where they are there.
        data: spec of the run's data, for the card.
        licence: of the weights; an SPDX identifier, or in words.
        private: make a private repository; one that is public is refused.

    Raises:
        OptionError: when the client is not installed, or the repository is none.
        OutputError: when it cannot be uploaded; one line about what the client says.
    """
    require_hub("--push", repository)
    from huggingface_hub import CommitOperationAdd, HfApi

    readme = f"---\n{_front_matter(pack, data, licence)}\n---\n\n{pack.card}"
    client = HfApi(library_name="tfgen")
    with _explained(f"push to {repository}", OutputError):
        address = str(client.create_repo(repository, private=private or None, exist_ok=True))
        if private and not client.model_info(repository).private:
            raise OutputError(f"{repository} is a public repository, and nothing was uploaded; leave out --private.")
        operations = [CommitOperationAdd(PACK_FILE, pack.path), CommitOperationAdd("README.md", readme.encode())]
        client.create_commit(repository, operations, commit_message=f"tfgen pack of {pack.manifest.name}")
    return address


def pull(repository: str, folder: Path, revision: str | None = None) -> Path:
    """Download the pack of a repository into a folder, and return its path.

    Args:
        repository: ``OWNER/NAME``.
        folder: that is there.
        revision: a branch, a tag or a commit; by default the newest.

    Raises:
        OptionError: when the client is not installed, or the repository is none.
        RunError: when it cannot be downloaded; one line about what the client says.
    """
    require_hub("--pull", repository)
    from huggingface_hub import HfApi

    with _explained(f"pull from {repository}", RunError, revision):
        return Path(
            HfApi(library_name="tfgen").hf_hub_download(repository, PACK_FILE, revision=revision, local_dir=folder)
        )


def _front_matter(pack: Pack, data: DataSpec, licence: str | None) -> str:
    """Return what the Hub reads at the head of a README, as YAML."""
    from huggingface_hub import ModelCardData

    identifier = (licence or "").strip().lower()
    known: dict[str, Any] = {"license": identifier} if identifier in _LICENCES else {}
    if identifier and not known:
        known = {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", identifier).strip("-") or "other"}
    if data.spatial:
        known["pipeline_tag"] = "unconditional-image-generation"
    tags = ["tfgen", "generative-model", pack.manifest.model]
    return str(ModelCardData(library_name="tfgen", tags=tags, **known))


@contextlib.contextmanager
def _explained(doing: str, kind: type[TfgenError], revision: str | None = None) -> Iterator[None]:
    """Context manager that makes one line of whatever the client raises; what it is, depends on its HTTP library too."""
    from huggingface_hub import errors

    login = "log in with `hf auth login` or set HF_TOKEN"
    advice: tuple[tuple[type[Exception], str], ...] = (
        (errors.LocalTokenNotFoundError, f"there is no token: {login}."),
        (errors.HFValidationError, "the Hub does not take this name: name the repository as OWNER/NAME."),
        (errors.OfflineModeIsEnabled, "the client is offline by HF_HUB_OFFLINE: unset it."),
        (errors.GatedRepoError, f"its owner has to let you in: ask on its page, then {login}."),
        (errors.RevisionNotFoundError, f"it has no revision {revision!r}: name a branch, a tag or a commit."),
        (
            errors.RepositoryNotFoundError,
            f"there is none of this name for you: mind the spelling; if it is private, {login}.",
        ),
        (errors.RemoteEntryNotFoundError, f"it has no {PACK_FILE}: it is not one that tfgen has pushed."),
    )
    try:
        yield
    except TfgenError:
        raise
    except Exception as error:  # of the client, of its HTTP library, or of the system
        for known, text in advice:
            if isinstance(error, known):
                raise kind(f"cannot {doing}: {text}") from error
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise kind(f"cannot {doing}: the Hub refuses ({status}): {login}, with the right to write.") from error
        raise kind(
            f"cannot {doing}: {_reason(error)}; try again later, or see whether this machine is online."
        ) from error


def _reason(error: Exception) -> str:
    """Return the last cause of an error in one line, such as that there is no network."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else str(cause)
    line = " ".join((text or str(error)).split())
    return f"{type(error).__name__}: {line[:_LONGEST]}".rstrip(": .")
