"""Memory is flat in the size of a file."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 256 << 20
PROGRAM = """
import http.server, resource, sys, threading
from pathlib import Path
from pytest_defend.model.checksums import Checksums
from pytest_defend.protocols import Upload
from pytest_defend.stores.bodies import Body
from pytest_defend.stores.session import Session

class Sink(http.server.BaseHTTPRequestHandler):
    received = 0

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 16)))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        for _ in range(path.stat().st_size >> 16):
            self.wfile.write(bytes(1 << 16))

    def log_message(self, *_):
        pass

path = Path(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/f"
with path.open("rb") as file:
    upload = Upload(path="r/f", checksums=Checksums.of_stream(file), open=lambda: path.open("rb"))
with Session() as session, open(sys.argv[2], "w+b") as target:
    session.ask("PUT", url, key="k", locator="l", body=b"warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    session.ask("PUT", url, key="k", locator="l", body=Body(upload))
    session.ask("GET", url, key="k", locator="l", into=target)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no peak of memory there")
def test_a_file_of_any_size_takes_the_same_memory(tmp_path: Path) -> None:
    source = tmp_path / "sparse"
    with source.open("wb") as file:
        file.truncate(SIZE)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(source), str(tmp_path / "target")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 16 << 20
    assert (tmp_path / "target").stat().st_size == SIZE
