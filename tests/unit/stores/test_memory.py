from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from builders import STARTED, a_build_info, a_clock, an_upload
from pytest_defend.errors import Conflict
from pytest_defend.stores.memory import MemoryStore


def test_it_says_where_it_is() -> None:
    assert MemoryStore(a_clock).locator == "memory"


def test_of_many_threads_with_one_number_exactly_one_wins() -> None:
    store = MemoryStore(a_clock)
    together = threading.Barrier(8)

    def publish(thread: int) -> bool:
        together.wait()
        build = a_build_info(started=STARTED.replace("456", f"{thread:03d}"))
        try:
            store.publish_build(build, [an_upload(f"r/{thread}")])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(publish, range(8)))
    assert won.count(True) == 1
    assert [item.path for item in store.list("")] == [f"r/{won.index(True)}"]


def test_what_is_handed_out_changes_nothing_inside() -> None:
    store = MemoryStore(a_clock)
    nested = {"a": {"b": [1]}}
    store.publish_build(a_build_info(properties=nested))
    nested["a"]["b"].append(2)
    store.build(a_build_info().id).properties["a"]["b"].append(3)
    assert store.build(a_build_info().id).properties == {"a": {"b": [1]}}
