"""What publishing costs: 200 reports of 50 KB and 2 wheels of 5 MB, every request 20 ms away.

Run: python tests/bench/publish_cost.py

Compared with a plain client that PUTs one file after the other. The server is the local one, in a process of
its own; every request waits for the latency before it is answered.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import waitress

from pytest_defend.model.buildinfo import Artifact, BuildInfo, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.protocols import Upload
from pytest_defend.server import application
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.queues import Queue

LATENCY_S = 0.02
REPORTS, REPORT_BYTES = 200, 50_000
WHEELS, WHEEL_BYTES = 2, 5_000_000
AT_MOST = 0.25
AGAIN_AT_MOST = 0.01
STARTED = "2026-01-31T12:00:00.000+0000"


def now() -> datetime:
    return datetime.now(UTC)


class Counted:
    """A server that is far away, and counts."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.requests = 0
        self.sent_bytes = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/counts":
            body = json.dumps([self.requests, self.sent_bytes]).encode()
            self.requests = self.sent_bytes = 0
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        self.requests += 1
        self.sent_bytes += int(environ.get("CONTENT_LENGTH") or 0)
        time.sleep(LATENCY_S)
        return self.app(environ, start_response)


def serve(folder: str, port: Queue[int]) -> None:
    repositories = {"reports": {"rclass": "local"}, "plain": {"rclass": "local"}}
    app = Counted(application(Path(folder), repositories=repositories))
    server: Any = waitress.create_server(app, host="127.0.0.1", port=0, threads=16)
    port.put(server.effective_port)
    server.run()


def files(name: str) -> dict[str, bytes]:
    chance = random.Random(name)
    sizes = {f"report{number:03}.xml": REPORT_BYTES for number in range(REPORTS)}
    sizes |= {f"demo-1.{number}-py3-none-any.whl": WHEEL_BYTES for number in range(WHEELS)}
    return {file: chance.randbytes(size) for file, size in sizes.items()}


def plainly(url: str, contents: dict[str, bytes]) -> None:
    """As one would with requests: one PUT per file, then the build."""
    with requests.Session() as session:
        artifacts = []
        for name, content in contents.items():
            sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            place = f"{url}/plain/1/{name};build.name=plain;build.number=1;build.timestamp=1769860800000"
            session.put(place, data=content, headers={"X-Checksum-Sha1": sha1}, timeout=60).raise_for_status()
            artifacts.append({"name": name, "sha1": sha1})
        document = {
            "name": "plain",
            "number": "1",
            "started": STARTED,
            "modules": [{"id": "m", "artifacts": artifacts}],
        }
        session.put(f"{url}/api/build", json=document, timeout=60).raise_for_status()


def publish(url: str, contents: dict[str, bytes]) -> None:
    properties = {"build.name": ("ours",), "build.number": ("1",), "build.timestamp": ("1769860800000",)}
    uploads = [
        Upload(
            path=f"reports/1/{name}",
            checksums=Checksums.of(content),
            open=lambda content=content: io.BytesIO(content),  # type: ignore[misc]
            properties=properties,
        )
        for name, content in contents.items()
    ]
    artifacts = tuple(
        Artifact(name=name, path=f"1/{name}", repository="reports", sha256=upload.checksums.sha256)
        for name, upload in zip(contents, uploads, strict=True)
    )
    build = BuildInfo(
        name="ours", number="1", started=STARTED, modules=(Module(id="m", artifacts=artifacts),)
    )
    with Session() as session:
        ArtifactoryStore(url, session, now).publish_build(build, uploads)


def measured(url: str, work: Callable[[], None]) -> tuple[float, int, int]:
    counts = url.replace("/artifactory", "/counts")
    requests.get(counts, timeout=60)
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    asked, sent = requests.get(counts, timeout=60).json()
    return took, asked, sent


def main() -> int:
    port: Queue[int] = multiprocessing.Queue()
    with tempfile.TemporaryDirectory() as folder:
        server = multiprocessing.Process(target=serve, args=(folder, port), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{port.get(timeout=30)}/artifactory"
        ours, others = files("ours"), files("plain")
        rows = {
            "plain client": measured(url, lambda: plainly(url, others)),
            "pytest-defend": measured(url, lambda: publish(url, ours)),
            "the same again": measured(url, lambda: publish(url, ours)),
        }
        server.terminate()
        server.join()
    print(f"{'':16}{'seconds':>10}{'requests':>10}{'per file':>10}{'MB sent':>10}")
    for name, (took, asked, sent) in rows.items():
        print(f"{name:16}{took:>10.2f}{asked:>10}{asked / len(ours):>10.2f}{sent / 1e6:>10.2f}")
    (plain_s, *_), (ours_s, asked, sent), (*_, again) = rows.values()
    print(f"time: {ours_s / plain_s:.2f} of the plain client, at most {AT_MOST}")
    print(f"sent again: {again / sent:.2%} of the bytes, at most {AGAIN_AT_MOST:.0%}")
    fine = ours_s <= AT_MOST * plain_s and again <= AGAIN_AT_MOST * sent and asked <= len(ours) + 10
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
