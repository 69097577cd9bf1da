"""The statistics under the name that evaluation code and users know: `spinebench.statistics`."""

from spinebench.statistics import *  # noqa: F403 - all of it, whatever that will be
from spinebench.statistics import __all__ as __all__
