"""An HTTP proxy in front of a SuperLink that counts the bytes of each call."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP = ("connection", "transfer-encoding", "content-length", "date", "server")


class CountingProxy:
    """Listens on a free port of loopback while the block lasts.

    Attributes
    ----------
    sent, received : Counter
        Bytes of bodies that the SuperLink sent and received, by path of the call.
    headers : Counter
        Bytes of the headers both ways, by path.
    calls : Counter
        Number of calls, by path.
    """

    def __init__(self, port: int) -> None:
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.headers: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(port))
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> CountingProxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, path: str, sent: int, received: int, headers: int) -> None:
        with self._lock:
            self.sent[path] += sent
            self.received[path] += received
            self.headers[path] += headers
            self.calls[path] += 1

    def _handler(self, port: int) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                try:
                    link.request("POST", self.path, body, dict(self.headers.items()))
                    reply = link.getresponse()
                    content = reply.read()
                except OSError:
                    self.send_error(503)
                    return
                finally:
                    link.close()
                self.send_response(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                asked = len(self.raw_requestline) + len(bytes(self.headers))
                answered = 17 + sum(len(n) + len(v) + 4 for n, v in reply.getheaders())
                proxy.count(self.path, len(content), len(body), asked + answered)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
