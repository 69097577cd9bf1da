"""spinebench: benchmarks of spine imaging, from folders of images to a measured model."""

__version__ = "0.1.0"
