"""pytest-defend: a test run as evidence that a release can stand on."""

__all__ = ["__version__"]

__version__ = "0.1.0"
