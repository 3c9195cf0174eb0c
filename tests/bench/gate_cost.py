"""What a gate costs: a build with 100 dependencies and one with 1,000, every request 20 ms away.

Run: python tests/bench/gate_cost.py

Every dependency is kept by the store, on the level that is asked for; the build has two stages of 5,000 tests
each. The server is the local one, in a process of its own. The two gates are asked in turn, ten times each;
medians are compared.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import requests
import waitress

sys.path.insert(0, str(Path(__file__).parents[1]))

from builders import a_bundle, a_clock, a_dist_file, an_upload
from pytest_defend.actions.gate import gate
from pytest_defend.actions.pack import Material
from pytest_defend.actions.publish import mark, publish
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.bundle import Final
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.origins import Certainty, Origin
from pytest_defend.model.ruling import Ruling
from pytest_defend.server import application
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.queues import Queue

    from pytest_defend.gates import Policy

LATENCY_S = 0.02
FEW, MANY = 100, 1000
TESTS = 5000
TIMES = 10
AT_MOST = 2.0
DEPENDENCIES_PER_REQUEST = 250
IDS = [f"tests/test_{number // 50}.py::test_{number}" for number in range(TESTS)]
TABLE = {
    "levels": [
        {"name": "libs-local"},
        {"name": "rc-local", "stages": ["unit", "smoke"], "rules": {"min-tests": TESTS, "flaky": 0}},
    ],
}


class Counted:
    """A server that is far away, and counts."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.requests = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/counts":
            body = json.dumps(self.requests).encode()
            self.requests = 0
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        self.requests += 1
        time.sleep(LATENCY_S)
        return self.app(environ, start_response)


def serve(folder: str, port: Queue[int]) -> None:
    local = {"rclass": "local", "packageType": "pypi"}
    app = Counted(application(Path(folder), repositories={"libs-local": local, "rc-local": local}))
    server: Any = waitress.create_server(app, host="127.0.0.1", port=0, threads=16)
    port.put(server.effective_port)
    server.run()


def installed(name: str, count: int) -> Installed:
    """What is installed where a package with so many dependencies is tested."""
    needs = [f"lib{number}" for number in range(count)]
    package = Distribution(
        name=name, version="1.0", requires=tuple(Edge(target=need, requirement=need) for need in needs)
    )
    libraries = [
        Distribution(
            name=need,
            version="1.0",
            scopes=("runtime",),
            origin=Origin(certainty=Certainty.RECORDED, file=f"{need}.whl", sha256=digest_of(number)),
        )
        for number, need in enumerate(needs)
    ]
    return Installed(distributions=(package, *libraries), roots=(name,))


def content_of(number: int) -> bytes:
    return f"lib{number}".encode()


def digest_of(number: int) -> str:
    return Checksums.of(content_of(number)).sha256


def a_build(folder: Path, store: DirectoryStore, name: str, dependencies: int) -> BuildId:
    """A build with two green stages."""
    passed = [b'{"n":%d,"s":1700000000000,"d":[1,2,3]}\n' % row for row in range(TESTS)]
    for stage in ("unit", "smoke"):
        place = folder / name / stage
        dist = a_dist_file(folder / name, name, content=name.encode())
        material = Material(dists=[dist], installed=installed(name, dependencies))
        known = {"build_name": name, "package": name, "stage": stage, "run": stage}
        manifest = a_bundle(place, *passed, ids=IDS, material=material, **known)
        publish(place, manifest, store)
        mark(manifest, store, Final(exit_status=0))
    return BuildId(name=name, number="1")


def filled(folder: Path) -> dict[int, BuildId]:
    """A store with the builds and everything they need."""
    store = DirectoryStore(folder / "store", a_clock)
    for number in range(MANY):
        said = {"build.name": (f"lib{number}",), "build.number": ("1",), "defend.level": ("rc-local",)}
        path = f"rc-local/lib{number}/1.0/lib{number}-1.0-py3-none-any.whl"
        store.put(an_upload(path, content_of(number), properties=said))
    return {count: a_build(folder, store, f"demo{count}", count) for count in (FEW, MANY)}


def measured(url: str, build: BuildId, policy: Policy) -> tuple[float, int]:
    """Seconds and requests of a gate that says yes."""
    counts = url.replace("/artifactory", "/counts")
    requests.get(counts, timeout=60)
    with Session() as session:
        store = ArtifactoryStore(url, session, a_clock)
        began = time.perf_counter()
        decision = gate(build, level="rc-local", policy=policy, store=store, now=a_clock(), decision_id="1")
        took = time.perf_counter() - began
    assert decision.ruling is Ruling.PASS, decision.refusals
    return took, requests.get(counts, timeout=60).json()


def main() -> int:
    port: Queue[int] = multiprocessing.Queue()
    with tempfile.TemporaryDirectory() as folder:
        builds = filled(Path(folder))
        server = multiprocessing.Process(target=serve, args=(f"{folder}/store", port), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{port.get(timeout=30)}/artifactory"
        policy = read_policy(Ladder.from_table(TABLE, "bench"), source="bench", kinds=kinds())
        rounds = [
            {count: measured(url, build, policy) for count, build in builds.items()} for _ in range(1 + TIMES)
        ][1:]  # the first one warms the server up
        server.terminate()
        server.join()
    rows = {
        count: (median(each[count][0] for each in rounds), max(each[count][1] for each in rounds))
        for count in (FEW, MANY)
    }
    print(f"{'dependencies':>12}{'seconds':>10}{'requests':>10}")
    for count, (took, asked) in rows.items():
        print(f"{count:>12}{took:>10.3f}{asked:>10}")
    (few_s, few), (many_s, many) = rows.values()
    allowed = (MANY - FEW) // DEPENDENCIES_PER_REQUEST
    print(f"time: {many_s / few_s:.2f} of that with {FEW}, at most {AT_MOST}")
    print(f"requests: {many - few} more, at most {allowed}")
    return 0 if many_s <= AT_MOST * few_s and many - few <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
