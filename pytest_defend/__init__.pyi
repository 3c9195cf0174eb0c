from pytest_defend.api import Climb as Climb
from pytest_defend.api import Decision as Decision
from pytest_defend.api import DefendError as DefendError
from pytest_defend.api import Finding as Finding
from pytest_defend.api import Override as Override
from pytest_defend.api import Replay as Replay
from pytest_defend.api import Ruling as Ruling
from pytest_defend.api import demote as demote
from pytest_defend.api import gate as gate
from pytest_defend.api import open_policy as open_policy
from pytest_defend.api import open_store as open_store
from pytest_defend.api import override as override
from pytest_defend.api import promote as promote
from pytest_defend.api import replay as replay

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

__version__: str
