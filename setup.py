"""The packages that are installed; everything else about the distribution is in setup.cfg.

Every folder with an ``__init__.py`` is found: those of tfgen/ as they are, plugins/ as `tfgen_plugins` and benchmarks/suite/
as `tfgen_benchmarks`, which ``packages = find:`` in setup.cfg cannot rename.
"""

from setuptools import find_packages, setup

RENAMED = {"tfgen_plugins": "plugins", "tfgen_benchmarks": "benchmarks/suite"}

packages = ["tfgen", *(f"tfgen.{name}" for name in find_packages("tfgen"))]
for package, folder in RENAMED.items():
    packages += [package, *(f"{package}.{name}" for name in find_packages(folder))]

setup(packages=packages, package_dir=RENAMED)
