"""A page server: Stripe's list of subscriptions, ready-made, as fast as a socket takes it.

    python -m benchmarks.page_server --subscriptions 100000 --port-file FILE [--changed 0.01]

Subscription number 0 is the newest; each is created a second before the one above it. Every page
is built on Stripe's own example subscription, about 5 kB each. It knows `limit`, `starting_after`,
`created[gte]` and `created[lt]`, single subscriptions by id, the account and its catalog, and
nothing else; with `--objects` also customers, prices, plans and products by id.
"""

from __future__ import annotations

import argparse
import json
import re
import socketserver
import time
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from .catalog import catalog
from .objects import FIXTURES, PRICE, PRODUCT, Objects

NEWEST = 1_790_000_000
"""When the newest subscription was created, in Unix seconds."""
PERIOD_START, PERIOD_END = 1_793_000_000, 1_795_592_000
MARKS = ("@sub@", "@cus@", "@item@", "@created@", "@end@", "@status@")
_DIGITS = re.compile(r"0*([0-9]+)$")


def example() -> dict:
    """One subscription with marks where the number goes."""
    if FIXTURES.exists():
        subscription = json.loads(FIXTURES.read_text())["resources"]["subscription"]
    else:
        from django_stripe_billing.sandbox import Engine

        engine = Engine()
        call = engine.call
        product = call("POST", "/v1/products", {"name": "Benchmark"})
        price = call(
            "POST",
            "/v1/prices",
            {
                "product": product["id"],
                "currency": "usd",
                "unit_amount": 2000,
                "recurring": {"interval": "month"},
            },
        )
        card = "pm_card_visa"
        customer = call(
            "POST",
            "/v1/customers",
            {"payment_method": card, "invoice_settings": {"default_payment_method": card}},
        )
        items = [{"price": price["id"]}]
        subscription = call(
            "POST", "/v1/subscriptions", {"customer": customer["id"], "items": items}
        )
    item = subscription["items"]["data"][0]
    subscription |= {
        "id": "@sub@",
        "customer": "@cus@",
        "status": "@status@",
        "created": "@created@",
        "start_date": "@created@",
        "billing_cycle_anchor": "@created@",
        "cancel_at": None,
        "canceled_at": None,
        "ended_at": None,
        "cancel_at_period_end": False,
        "trial_start": None,
        "trial_end": None,
        "pause_collection": None,
        "latest_invoice": None,
    }
    item |= {
        "id": "@item@",
        "subscription": "@sub@",
        "current_period_start": PERIOD_START,
        "current_period_end": "@end@",
    }
    item["price"] |= {"id": PRICE, "product": PRODUCT, "unit_amount": 2000}
    if "plan" in item:
        item["plan"] |= {"id": PRICE, "product": PRODUCT, "amount": 2000, "currency": "usd"}
    subscription["items"]["url"] = "/v1/subscription_items?subscription=@sub@"
    return subscription


class Pages:
    """Rows by number; a share of them `changed`: ended, or renewed by a month."""

    def __init__(self, count: int, *, changed: float) -> None:
        self.count = count
        self._every = round(1 / changed) if changed else 0
        text = json.dumps(example(), indent=2)
        for numeric in ("@created@", "@end@"):
            text = text.replace(f'"{numeric}"', numeric)
        parts = re.split("(" + "|".join(MARKS) + ")", text)
        self._texts = [part.encode() for part in parts[::2]]
        self._marks = [MARKS.index(part) for part in parts[1::2]]

    def row(self, number: int) -> bytes:
        is_changed = self._every and number % self._every == self._every - 1
        ended = is_changed and (number // self._every) % 2
        values = (
            b"sub_%014d" % number,
            b"cus_%014d" % number,
            b"si_%014d" % number,
            b"%d" % (NEWEST - number),
            b"%d" % (PERIOD_END + (2_592_000 if is_changed and not ended else 0)),
            b"unpaid" if ended else b"active",
        )
        joined = [self._texts[0]]
        for mark, text in zip(self._marks, self._texts[1:], strict=True):
            joined += (values[mark], text)
        return b"".join(joined)

    def page(self, query: dict[str, list[str]]) -> bytes:
        newest, oldest = 0, self.count - 1
        if "created[lt]" in query:
            newest = max(newest, NEWEST - int(query["created[lt]"][0]) + 1)
        if "created[gte]" in query:
            oldest = min(oldest, NEWEST - int(query["created[gte]"][0]))
        if "starting_after" in query:
            newest = number_of(query["starting_after"][0]) + 1
        limit = int(query.get("limit", ["10"])[0])
        rows = [self.row(number) for number in range(newest, min(newest + limit, oldest + 1))]
        more = b"true" if newest + limit <= oldest else b"false"
        head = b'{\n  "object": "list",\n  "data": ['
        tail = b'],\n  "has_more": %s,\n  "url": "/v1/subscriptions"\n}' % more
        return head + b",\n".join(rows) + tail


def number_of(stripe_id: str) -> int:
    found = _DIGITS.search(stripe_id)
    assert found, stripe_id
    return int(found[1])


class Handler(socketserver.StreamRequestHandler):
    """Just enough of HTTP/1.1 for a client that keeps its connection."""

    def handle(self) -> None:
        while (line := self.rfile.readline()) and line.strip():
            target = urlsplit(line.split()[1].decode())
            while self.rfile.readline().strip():
                pass
            self.answer(target.path, parse_qs(unquote(target.query)))

    def answer(self, path: str, query: dict[str, list[str]]) -> None:
        pages: Pages = self.server.pages
        status = b"200 OK"
        if path == "/v1/subscriptions":
            body = pages.page(query)
        elif path.startswith("/v1/subscriptions/"):
            body = pages.row(number_of(path))
        elif (found := self.elsewhere(path, query)) is not None:
            body = found
        else:
            status, body = b"404 Not Found", b'{"error": {"message": "not here"}}'
        self.wfile.write(
            b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: %s\r\nRequest-Id: req_1\r\n"
            b"Content-Length: %d\r\n\r\n%s"
            % (status, formatdate(time.time(), usegmt=True).encode(), len(body), body)
        )

    def elsewhere(self, path: str, query: dict[str, list[str]]) -> bytes | None:
        return catalog(path, is_active=query.get("active") != ["false"])


class ObjectsHandler(Handler):
    """Knows single objects too, and at `/calls` what it was asked since it began."""

    def answer(self, path: str, query: dict[str, list[str]]) -> None:
        self.server.calls += path != "/calls"
        super().answer(path, query)

    def elsewhere(self, path: str, query: dict[str, list[str]]) -> bytes | None:
        server = self.server
        if path == "/calls":
            return json.dumps({"calls": server.calls, "unknown": server.unknown}).encode()
        found = server.objects.answer(path)
        if found is None:
            server.unknown.append(path)
        return found


class CountingHandler(Handler):
    """Writes down when it was called, a line each."""

    def answer(self, path: str, query: dict[str, list[str]]) -> None:
        with self.server.calls_file.open("a", encoding="ascii") as calls:
            calls.write(f"{time.time()}\n")
        super().answer(path, query)


class Server(socketserver.ThreadingTCPServer):
    """On a free port of loopback."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, pages: Pages, *, objects: Objects | None = None, calls_file: Path | None = None
    ) -> None:
        handler = ObjectsHandler if objects else CountingHandler if calls_file else Handler
        super().__init__(("127.0.0.1", 0), handler)
        self.pages, self.objects, self.calls_file = pages, objects, calls_file
        self.calls = 0
        self.unknown: list[str] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscriptions", type=int, required=True)
    parser.add_argument("--changed", type=float, default=0.0)
    parser.add_argument("--port-file", type=Path, required=True)
    only_one = parser.add_mutually_exclusive_group()
    only_one.add_argument("--calls-file", type=Path, help="write down the moment of each call")
    only_one.add_argument("--objects", action="store_true", help="also what is asked for by id")
    options = parser.parse_args()
    pages = Pages(options.subscriptions, changed=options.changed)
    objects = Objects() if options.objects else None
    with Server(pages, objects=objects, calls_file=options.calls_file) as server:
        options.port_file.write_text(str(server.server_address[1]))
        server.serve_forever()


if __name__ == "__main__":
    main()
