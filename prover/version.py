"""The version of this installation; both distributions always have the same one."""

from importlib import metadata

try:
    VERSION = metadata.version("avow-verifier")
except metadata.PackageNotFoundError:
    # Run from a checkout through links, without being installed.
    VERSION = "0+checkout"
