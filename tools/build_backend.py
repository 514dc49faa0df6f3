"""Build backend: setuptools', with one line more in an editable install.

setuptools finds an editable tfgen by a hook that Python asks last. In the folder above a clone named tfgen that is too late:
Python takes the clone itself for an empty namespace package. A ``.pth`` file with the clone's path puts the real package on
`sys.path`, where it wins over a namespace; new files need no new installation, as in setuptools' strict mode they would.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_PATH_FILE = "tfgen_checkout.pth"


def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Build the editable wheel (PEP 660) and add the file with the checkout's path to it; return the wheel's name."""
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    wheel = Path(wheel_directory, name)
    content = f"{Path.cwd()}\n".encode()  # frontends call a backend in the folder of the project
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(wheel) as archive:
        files = {info: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_PATH_FILE, content)
        for info, data in files.items():
            if info.filename.endswith(".dist-info/RECORD"):
                data += f"{_PATH_FILE},sha256={digest},{len(content)}\n".encode()
            archive.writestr(info, data)
    return str(name)
