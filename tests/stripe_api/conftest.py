import http.server
import json
import threading
from email.utils import formatdate

import pytest


class Server(http.server.ThreadingHTTPServer):
    """A Stripe that answers what it is told, over real HTTP, and notes what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers = []
        """What to answer next: (status, data or bytes, headers). Then: an empty object."""
        self.requests = []

    def answer(self, status=200, data=None, **headers):
        self.answers.append((status, {} if data is None else data, headers))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.requests.append(
            (self.command, self.path, dict(self.headers), self.rfile.read(length).decode())
        )
        status, data, headers = self.server.answers.pop(0) if self.server.answers else (200, {}, {})
        if status == 0:
            self.close_connection = True
            return
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        headers = {
            "Date": formatdate(usegmt=True),
            "Content-Length": str(len(body)),
            "Request-Id": "req_1",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        self.send_response_only(status)
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    self.send_header(name, one)
        self.end_headers()
        self.wfile.write(body)
        if int(headers["Content-Length"]) != len(body):
            self.close_connection = True

    do_POST = do_DELETE = do_GET

    def log_message(self, *arguments):
        return


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def configure(settings):
    def configure(**values):
        settings.STRIPE_BILLING = {**settings.STRIPE_BILLING, **values}

    return configure


@pytest.fixture
def stripe(server, configure):
    """The server, set as Stripe."""
    configure(API_BASE=server.url)
    return server
