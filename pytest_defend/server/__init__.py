"""A local server that speaks Artifactory's REST dialect over a directory store.

Rules:
- It is for trying the product, for testing pipelines and for our own tests; production is Artifactory.
- It binds loopback unless told otherwise, and no other address without users.
- The store it serves is the folder `DirectoryStore` writes.

What it speaks: `docs/reference/server.md`.
"""

from pytest_defend.server.application import application, serve
from pytest_defend.server.preparation import User

__all__ = ["User", "application", "serve"]
