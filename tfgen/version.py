"""Version of tfgen and name of its distribution."""

VERSION = "0.1.0"

#: The name that pip knows; setup.cfg says the same. The package and the command are called tfgen. The distribution called
#: tfgen on the public index is another project's.
DISTRIBUTION = "tfgen-prob"
