"""pytest-defend: a test run as evidence that a release can stand on.

Rules:
- The names of `api` are handed on from here; each is loaded when it is first asked for. What they are is
  told to type checkers by `__init__.pyi`: every room imports this module, and none may lead to the roof.
"""

__all__ = [
    "Climb",
    "Decision",
    "DefendError",
    "Finding",
    "Override",
    "Replay",
    "Ruling",
    "__version__",
    "demote",
    "gate",
    "open_policy",
    "open_store",
    "override",
    "promote",
    "replay",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # whoever wants the version alone pays for nothing

    return getattr(import_module("pytest_defend.api"), name)
