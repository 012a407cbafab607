"""A server on this machine that speaks as much of the hub's protocol as fetching a model takes."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REVISION = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(repositories: dict[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """(address, the paths asked for) while the folders are served under their names."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.respond(body=False)

        def do_GET(self) -> None:
            self.respond(body=True)

        def respond(self, body: bool) -> None:
            path = self.path.partition("?")[0].lstrip("/")
            asked.append(path)
            for name, folder in repositories.items():
                files = {
                    str(file.relative_to(folder)): file
                    for file in sorted(folder.rglob("*"))
                    if file.is_file()
                }
                if path.startswith(f"api/models/{name}/tree/"):
                    listed = [
                        {
                            "type": "file",
                            "path": one,
                            "size": file.stat().st_size,
                            "oid": digest(file),
                        }
                        for one, file in files.items()
                    ]
                    return self.send(json.dumps(listed).encode(), body)
                if path in (f"api/models/{name}", f"api/models/{name}/revision/main") or (
                    path == f"api/models/{name}/revision/{REVISION}"
                ):
                    siblings = [{"rfilename": one} for one in files]
                    told = {"id": name, "sha": REVISION, "siblings": siblings}
                    return self.send(json.dumps(told).encode(), body)
                for revision in (REVISION, "main"):
                    wanted = path.removeprefix(f"{name}/resolve/{revision}/")
                    if wanted in files:
                        return self.send(files[wanted].read_bytes(), body, digest(files[wanted]))
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            return self.end_headers()

        def send(self, content: bytes, body: bool, etag: str = "") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Repo-Commit", REVISION)
            if etag:
                self.send_header("ETag", f'"{etag}"')
            self.end_headers()
            if body:
                self.wfile.write(content)

    def digest(file: Path) -> str:
        return hashlib.sha1(file.read_bytes()).hexdigest()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
