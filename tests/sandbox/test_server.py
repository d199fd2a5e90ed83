"""The sandbox over real HTTP: API, pages, webhooks with retries, the operator's controls."""

import http.server
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from django_stripe_billing.sandbox import Engine, sign
from django_stripe_billing.sandbox.deliveries import HttpDeliveries
from django_stripe_billing.sandbox.server import SandboxServer

from .conftest import Shop

SECRET = "whsec_server"


class Endpoint(http.server.ThreadingHTTPServer):
    """Takes webhooks; `refusals` of them are answered with 500 first."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taker)
        self.taken = []
        self.refusals = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook/"


class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.refusals -= 1
        status = 500 if self.server.refusals >= 0 else 200
        self.server.taken.append((status, self.headers["Stripe-Signature"], body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        return


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


@pytest.fixture
def running():
    endpoint = Endpoint()
    engine = Engine()
    deliveries = HttpDeliveries(engine, endpoint.url, secret=SECRET)
    server = SandboxServer(engine, deliveries, host="127.0.0.1", port=0)
    threads = [
        threading.Thread(target=endpoint.serve_forever, args=(0.05,)),
        threading.Thread(target=server.run),
    ]
    for thread in threads:
        thread.start()
    yield server, endpoint
    server.shutdown()
    endpoint.shutdown()
    endpoint.server_close()
    for thread in threads:
        thread.join()


def fetch(url, data=None):
    encoded = None if data is None else urllib.parse.urlencode(data).encode()
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(urllib.request.Request(url, data=encoded), timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


def control(server, name, **given):
    request = urllib.request.Request(
        f"{server.url}/_sandbox/{name}", data=json.dumps(given).encode()
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_webhooks_are_signed_and_sent_again_until_they_are_taken(running):
    server, endpoint = running
    endpoint.refusals = 2
    server.engine.call("POST", "/v1/customers", {"email": "ada@example.com"})
    assert server.deliveries.wait(20)
    assert [status for status, _, _ in endpoint.taken] == [500, 500, 200]
    for _, signature, body in endpoint.taken:
        stamp = int(signature.partition(",")[0].removeprefix("t="))
        assert abs(stamp - time.time()) < 30
        assert signature == sign(body, secret=SECRET, timestamp=stamp)
    assert server.engine.call("GET", "/v1/events")["data"][0]["pending_webhooks"] == 0


def test_the_checkout_page_takes_a_good_card_and_refuses_a_bad_one(running):
    server, _ = running
    shop = Shop(server.engine)
    session = shop.checkout(cancel_url="https://example.com/plans?a=1&b=2")
    status, _, page = fetch(session["url"])
    assert status == 200
    assert "20.00 USD" in page
    assert "https://example.com/plans?a=1&amp;b=2" in page
    for number, complaint in (("4000000000000002", "declined"), ("1234", "invalid")):
        status, _, page = fetch(session["url"], {"card_number": number})
        assert status == 402
        assert complaint in page
    status, headers, _ = fetch(session["url"], {"card_number": "4242 4242 4242 4242"})
    assert (status, headers["Location"]) == (303, f"https://example.com/ok?id={session['id']}")
    assert fetch(session["url"])[0] == 410
    assert fetch(f"{server.url}/c/pay/cs_test_none")[0] == 404


def test_the_portal_cancels_keeps_and_switches(running):
    server, _ = running
    shop = Shop(server.engine)
    yearly = shop.add_price(20_000, "year")
    subscription = shop.subscribe()
    url = shop.call(
        "POST",
        "/v1/billing_portal/sessions",
        {"customer": shop.customer["id"], "return_url": "https://example.com/account"},
    )["url"]
    assert "https://example.com/account" in fetch(url)[2]
    own = {"subscription": subscription["id"]}
    assert fetch(url, {**own, "action": "cancel"})[0] == 303
    ending = shop.read(subscription)
    assert ending["cancel_at"] and not ending["cancel_at_period_end"]
    fetch(url, {**own, "action": "keep"})
    assert shop.read(subscription)["cancel_at"] is None
    fetch(url, {**own, "action": "switch", "price": yearly["id"]})
    assert shop.read(subscription)["items"]["data"][0]["price"]["id"] == yearly["id"]
    assert fetch(url, {"subscription": "sub_of_another", "action": "cancel"})[0] == 404
    assert fetch(url, {**own, "action": "resume"})[0] == 400
    assert fetch(f"{server.url}/p/session/guessed")[0] == 404


def test_an_open_invoice_is_paid_on_its_hosted_page(running):
    server, _ = running
    shop = Shop(server.engine)
    subscription = shop.subscribe(payment_behavior="default_incomplete")
    invoice = shop.invoices(subscription)[0]
    url = invoice["hosted_invoice_url"]
    assert url.startswith(f"{server.url}/i/")
    assert invoice["id"] not in url
    status, _, page = fetch(url)
    assert status == 200
    assert "20.00 USD" in page
    for number, complaint in (("4000000000000341", "declined"), ("1234", "invalid")):
        status, _, page = fetch(url, {"card_number": number})
        assert status == 402
        assert complaint in page
    assert shop.read(subscription)["status"] == "incomplete"
    assert fetch(url, {"card_number": "4242 4242 4242 4242"})[0] == 303
    assert "Pay with card" not in fetch(url)[2]
    assert shop.read(subscription)["status"] == "active"
    status, headers, content = fetch(invoice["invoice_pdf"])
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    assert content.startswith("%PDF-1.4")
    assert invoice["number"] in content
    start = int(content.rpartition("startxref\n")[2].partition("\n")[0])
    assert content[start:].startswith("xref")
    for wrong in ("/i/", "/i/guessed", "/i/guessed/pdf", f"/i/{invoice['id']}"):
        assert fetch(server.url + wrong)[0] == 404


def test_the_operator_holds_drops_replays_and_moves_the_clock(running):
    server, endpoint = running
    control(server, "hold", holding=True)
    shop = Shop(server.engine)
    subscription = shop.subscribe(trial_period_days=1)
    assert endpoint.taken == []
    waiting = control_state(server)["waiting"]
    assert "customer.subscription.created" in waiting
    assert control(server, "drop")["dropped"] == len(waiting)
    control(server, "hold", holding=False)
    control(server, "advance", seconds=2 * 86_400)
    assert control(server, "wait")["idle"]
    assert shop.read(subscription)["status"] == "active"
    told = [json.loads(body)["type"] for _, _, body in endpoint.taken]
    assert "customer.subscription.updated" in told
    assert "customer.subscription.created" not in told
    created = next(
        event for event in server.engine.events if event["type"] == "customer.subscription.created"
    )
    assert control(server, "replay", event=created["id"])["replayed"]
    control(server, "wait")
    assert json.loads(endpoint.taken[-1][2])["id"] == created["id"]


def control_state(server):
    return json.loads(fetch(f"{server.url}/_sandbox/state")[2])


def test_a_wrong_control_says_so(running):
    server, _ = running
    assert fetch(f"{server.url}/_sandbox/explode", {})[0] == 404
    assert fetch(f"{server.url}/_sandbox/advance", {"seconds": 1})[0] == 400


def test_the_front_page_lists_the_events(running):
    server, _ = running
    Shop(server.engine)
    status, _, page = fetch(server.url + "/")
    assert status == 200
    assert "product.created" in page
