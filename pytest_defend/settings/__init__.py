"""What a run is asked to do: the settings, where each came from, and the project they are for.

Rules:
- This is the one place to import settings from.
- Importing it is cheap, for every pytest run of everybody who has the plugin installed pays for it: it brings
  the table, which registering the flags needs; the rest of the room is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_defend.settings.options import Option
from pytest_defend.settings.table import FLAGS, OPTIONS

__all__ = [
    "FLAGS",
    "OPTIONS",
    "Option",
    "Project",
    "Secret",
    "SettingRow",
    "Settings",
    "find_project",
    "resolve",
]

if TYPE_CHECKING:
    from pytest_defend.settings.project import Project, find_project
    from pytest_defend.settings.resolution import SettingRow, Settings, resolve
    from pytest_defend.settings.values import Secret
else:
    _HOMES = {
        "Project": "project",
        "Secret": "values",
        "SettingRow": "resolution",
        "Settings": "resolution",
        "find_project": "project",
        "resolve": "resolution",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
