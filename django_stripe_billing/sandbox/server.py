"""The sandbox behind HTTP: Stripe's API, the hosted pages, and the operator's controls."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import operator_controls
from .deliveries import HttpDeliveries
from .engine import Engine
from .pages import checkout, invoice, objects, overview, portal, three_d_secure
from .pages.html import POLICY, Page, not_found

LARGEST_BODY = 1_000_000


class SandboxServer(ThreadingHTTPServer):
    """Serves one engine on a port of this machine."""

    daemon_threads = True

    def __init__(self, engine: Engine, deliveries: HttpDeliveries, *, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.engine = engine
        self.deliveries = deliveries
        self.url = f"http://{host}:{self.server_address[1]}"
        engine.base_url = self.url
        self._stopping = threading.Event()

    def run(self) -> None:
        """Serve until `stop` is called; the clock ticks meanwhile."""
        ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        ticker.start()
        self.deliveries.start()
        try:
            self.serve_forever(poll_interval=0.1)
        finally:
            self._stopping.set()
            self.deliveries.stop()
            self.server_close()

    def _tick(self) -> None:
        while not self._stopping.wait(0.5):
            self.engine.tick()


class _Handler(BaseHTTPRequestHandler):
    server: SandboxServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            self._send(413, b"", {})
            return
        body = self.rfile.read(length).decode(errors="replace")
        path = urlsplit(self.path).path
        if path.startswith("/v1/"):
            self._api(method, body)
        elif method != "GET" and not self._is_of_this_site():
            self._send(403, b"Forms of other sites are refused.", {})
        elif path.startswith("/_sandbox/"):
            status, data = operator_controls.answer(
                self.server.engine, self.server.deliveries, method, path, body
            )
            self._send(status, json.dumps(data).encode(), {"Content-Type": "application/json"})
        else:
            self._page(method, path, body)

    def _is_of_this_site(self) -> bool:
        """Whether no other site in the operator's browser sent this."""
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def _api(self, method: str, body: str) -> None:
        try:
            response = self.server.engine.handle(method, self.path, body, dict(self.headers))
        except ConnectionError:
            self.close_connection = True
            return
        self._send(response.status, response.body, response.headers)

    def _page(self, method: str, path: str, body: str) -> None:
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        page = self._find_page(method, path, form)
        headers = {
            "Content-Type": page.content_type,
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
        }
        if page.location:
            headers["Location"] = page.location
            if path != "/":  # Stripe's pages wait for the endpoint, too
                self.server.deliveries.wait(10)
        self._send(page.status, page.content or page.body.encode(), headers)

    def _find_page(self, method: str, path: str, form: dict[str, str]) -> Page:
        """The platform's page of this path, or else that of one of its connected accounts."""
        engine = self.server.engine
        if path == "/":
            return overview.answer(engine, self.server.deliveries, method, form)
        with engine.lock:
            for account in engine.accounts:
                with engine.on_account(account):
                    page = self._page_of_account(engine, method, path, form)
                if page.status != 404:
                    return page
        return not_found()

    def _page_of_account(
        self, engine: Engine, method: str, path: str, form: dict[str, str]
    ) -> Page:
        head, _, name = path.rpartition("/")
        if head == "/c/pay":
            return checkout.answer(engine, name, method, form)
        if head == "/p/session":
            return portal.answer(engine, name, method, form)
        if head == "/i":
            return invoice.answer(engine, name, method, form)
        if path.startswith("/i/") and name == "pdf" and method == "GET":
            return invoice.answer_pdf(engine, head.removeprefix("/i/"))
        if head == "/3ds":
            return three_d_secure.answer(engine, name, method, form)
        if head == "/objects" and method == "GET":
            return objects.answer(engine, name)
        return not_found()

    def _send(self, status: int, body: bytes, headers: dict[str, Any]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return
