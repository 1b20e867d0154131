"""The download: resumed, checked, and told by hand where there is no network."""

import hashlib
import os
import re
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from xstitch_lib.data.nyuv2 import download, layout
from xstitch_lib.data.nyuv2.download import SOURCES, Source

CONTENT = bytes(range(256)) * 40


class Server(SimpleHTTPRequestHandler):
    """Answers ranges, and breaks off after `sends` bytes."""

    ranges, sends, asked = True, 10**9, []

    def do_GET(self):
        content = CONTENT
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.ranges else 0
        self.asked.append(self.headers.get("Range"))
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start : start + self.sends])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """The handler class of a server that the three files come from."""
    handler = type("Handler", (Server,), {"asked": []})
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler))
    digest = hashlib.sha256(CONTENT).hexdigest()
    for name in SOURCES:
        monkeypatch.setitem(SOURCES, name, Source(f"http://127.0.0.1:{site.server_port}/{name}", digest))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    thread = threading.Thread(target=site.serve_forever, args=(0.01,))
    thread.start()
    yield handler
    site.shutdown()
    thread.join()
    site.server_close()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_three_files_are_fetched_once(server, tmp_path):
    assert download(tmp_path / "new") == tmp_path / "new" / layout.MAT
    assert contents(tmp_path / "new") == dict.fromkeys(SOURCES, CONTENT)
    download(tmp_path / "new")
    assert server.asked == [None] * 3


def test_a_line_that_breaks_is_gone_on_with(server, tmp_path):
    server.sends = 4000
    download(tmp_path)
    assert contents(tmp_path) == dict.fromkeys(SOURCES, CONTENT)
    assert server.asked == [None, "bytes=4000-", "bytes=8000-"] * 3


def test_a_killed_download_goes_on_in_the_next_call(server, tmp_path):
    server.sends = 0
    (tmp_path / f"{layout.MAT}.part").write_bytes(CONTENT[:3000])
    with pytest.raises(RuntimeError, match="the server ends the transfer at byte 3000 of 10240"):
        download(tmp_path)
    assert contents(tmp_path) == {f"{layout.MAT}.part": CONTENT[:3000]}
    server.sends = 10**9
    download(tmp_path)
    assert contents(tmp_path) == dict.fromkeys(SOURCES, CONTENT)


def test_a_download_that_was_killed_at_its_very_end_is_kept(server, tmp_path):
    (tmp_path / f"{layout.MAT}.part").write_bytes(CONTENT)
    download(tmp_path)
    assert contents(tmp_path) == dict.fromkeys(SOURCES, CONTENT) and server.asked[0] == "bytes=10240-"


def test_a_server_without_ranges_starts_over_and_is_not_asked_for_ever(server, tmp_path):
    server.ranges = False
    (tmp_path / f"{layout.MAT}.part").write_bytes(b"x" * 3000)
    download(tmp_path)
    assert contents(tmp_path) == dict.fromkeys(SOURCES, CONTENT)
    (tmp_path / "splits.mat").unlink()
    server.sends = 100
    with pytest.raises(RuntimeError, match="ends the transfer at byte 100 of 10240"):
        download(tmp_path)


def test_an_altered_download_is_refused_and_fetched_anew(server, tmp_path):
    (tmp_path / f"{layout.MAT}.part").write_bytes(b"x" * 3000)
    expected = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(ValueError, match=f"not the original file: its sha256 is [0-9a-f]{{64}}, expected {expected}"):
        download(tmp_path)
    assert contents(tmp_path) == {}
    download(tmp_path)
    (tmp_path / layout.MAT).write_bytes(b"another")
    with pytest.raises(ValueError, match=f"{layout.MAT} is not the original file.*delete it"):
        download(tmp_path)
    assert (tmp_path / layout.MAT).read_bytes() == b"another"  # the reader's own file is not deleted for them


def test_without_network_the_steps_by_hand_are_told(tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        source = SOURCES[layout.MAT]._replace(url=f"http://127.0.0.1:{unused.getsockname()[1]}/{layout.MAT}")
        monkeypatch.setitem(SOURCES, layout.MAT, source)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(RuntimeError, match="could not download") as error:
            download(tmp_path)
    told = [text for each in SOURCES.values() for text in each]
    for part in (*told, f"put the three files into {tmp_path}", f"prepare('{tmp_path / layout.MAT}', root)"):
        assert part in str(error.value)


@pytest.mark.skipif("XSTITCH_DATA" not in os.environ, reason="XSTITCH_DATA names no folder with NYU-v2")
@pytest.mark.parametrize("name", ["splits.mat", "classMapping40.mat"])
def test_the_real_files_are_those_that_are_expected(name):
    path = Path(os.environ["XSTITCH_DATA"]) / "nyuv2" / name
    if not path.is_file():
        pytest.skip(f"{path.parent} holds prepared frames without {name}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SOURCES[name].sha256
