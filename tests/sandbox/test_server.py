"""The sandbox over real HTTP: API, pages, webhooks with retries, the operator's controls."""

import http.server
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from django_stripe_billing.sandbox import Engine, SandboxError, sign
from django_stripe_billing.sandbox.deliveries import HttpDeliveries
from django_stripe_billing.sandbox.server import SandboxServer

from .conftest import Shop
from .test_payments import pay

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


def buy(shop, **values):
    price = shop.call(
        "POST",
        "/v1/prices",
        {"product": shop.product["id"], "currency": "usd", "unit_amount": 1500},
    )
    return shop.call(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "payment",
            "success_url": "https://example.com/ok",
            "line_items": [
                {
                    "price": price["id"],
                    "quantity": 1,
                    "adjustable_quantity": {"enabled": True, "maximum": 5},
                }
            ],
            **values,
        },
    )


def test_the_checkout_page_takes_a_promotion_code_a_quantity_and_an_optional_item(running):
    server, _ = running
    shop = Shop(server.engine)
    half = shop.call("POST", "/v1/coupons", {"percent_off": 50})
    shop.call(
        "POST",
        "/v1/promotion_codes",
        {"promotion": {"type": "coupon", "coupon": half["id"]}, "code": "HALF"},
    )
    extra = shop.call(
        "POST",
        "/v1/prices",
        {"currency": "usd", "unit_amount": 200, "product_data": {"name": "<b>Wrapping</b>"}},
    )
    session = buy(
        shop,
        allow_promotion_codes=True,
        optional_items=[{"price": extra["id"], "quantity": 1}],
        tax_id_collection={"enabled": True},
    )
    line = server.engine.state.notes[session["id"]]["lines"][0]["id"]
    page = fetch(session["url"])[2]
    assert "&lt;b&gt;Wrapping&lt;/b&gt;" in page
    changed = {f"quantity-{line}": "3", "optional": "1", f"optional-{extra['id']}": "1"}
    assert "47.00 USD" in fetch(session["url"], {**changed, "action": "update"})[2]
    status, _, page = fetch(session["url"], {"action": "promotion", "promotion_code": "nope"})
    assert (status, "This code is invalid" in page) == (402, True)
    page = fetch(session["url"], {"action": "promotion", "promotion_code": "half"})[2]
    assert "23.50 USD" in page
    assert "47.00 USD" in fetch(session["url"], {"action": "remove"})[2]
    for wrong in ("6", "-1", "x", "9" * 30):
        assert fetch(session["url"], {f"quantity-{line}": wrong, "action": "update"})[0] == 402
    paid = {"card_number": "5555555555554444", "email": "ada@example.com", "tax_id": "DE1"}
    assert fetch(session["url"], {"optional": "1", **paid})[0] == 303
    done = shop.call("GET", f"/v1/checkout/sessions/{session['id']}")
    assert done["amount_total"] == 4500
    assert done["customer_details"]["email"] == "ada@example.com"
    assert done["customer_details"]["tax_ids"] == [{"type": "unknown", "value": "DE1"}]


def test_the_checkout_page_asks_for_three_d_secure(running):
    server, _ = running
    shop = Shop(server.engine)
    session = buy(shop)
    card = {"card_number": "4000002760003184", "email": '"><script>'}
    status, headers, page = fetch(session["url"], card)
    assert (status, "Yes, it is me" in page, "<script>" in page) == (200, True, False)
    assert "script" not in headers["Content-Security-Policy"]
    status, _, page = fetch(session["url"], {**card, "action": "refuse"})
    assert (status, "unable to authenticate" in page) == (402, True)
    assert fetch(session["url"], {**card, "action": "authenticate"})[0] == 303
    assert shop.call("GET", f"/v1/checkout/sessions/{session['id']}")["payment_status"] == "paid"


def test_a_payment_that_waits_for_three_d_secure_has_a_page_and_a_way_back(running):
    server, _ = running
    intent = server.engine.call(
        "POST",
        "/v1/payment_intents",
        {
            "amount": 2000,
            "currency": "usd",
            "payment_method": "pm_card_threeDSecure2Required",
            "confirm": True,
            "return_url": "https://example.com/back?a=1",
        },
    )
    url = intent["next_action"]["redirect_to_url"]["url"]
    assert "Yes, it is me" in fetch(url)[2]
    status, headers, _ = fetch(url, {"action": "authenticate"})
    assert status == 303
    assert headers["Location"].startswith(
        f"https://example.com/back?a=1&payment_intent={intent['id']}&"
    )
    assert headers["Location"].endswith("redirect_status=succeeded")
    assert "status is succeeded" in fetch(url, {"action": "authenticate"})[2]
    assert fetch(f"{server.url}/3ds/pi_none")[0] == 404


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


def test_the_portal_updates_the_card_and_lists_invoices(running):
    server, _ = running
    shop = Shop(server.engine)
    done = server.engine.complete_checkout(shop.checkout()["id"])
    back = {"type": "redirect", "redirect": {"return_url": "https://example.com/thanks"}}
    session = shop.call(
        "POST",
        "/v1/billing_portal/sessions",
        {
            "customer": shop.customer["id"],
            "flow_data": {"type": "payment_method_update", "after_completion": back},
        },
    )
    assert session["flow"]["type"] == "payment_method_update"
    page = fetch(session["url"])[2]
    assert "Visa ending in 4242" in page
    assert "20.00 USD" in page
    assert fetch(session["url"], {"action": "card", "card_number": "1"})[0] == 400
    refused = fetch(session["url"], {"action": "card", "card_number": "4000000000000002"})
    assert (refused[0], "declined" in refused[2]) == (400, True)
    card = {"action": "card", "card_number": "5555 5555 5555 4444"}
    status, headers, _ = fetch(session["url"], card)
    assert (status, headers["Location"]) == (303, "https://example.com/thanks")
    assert "Mastercard ending in 4444" in fetch(session["url"])[2]
    subscription = shop.read({"id": done["subscription"]})
    customer = shop.call("GET", f"/v1/customers/{shop.customer['id']}")
    assert (
        subscription["default_payment_method"]
        == customer["invoice_settings"]["default_payment_method"]
    )


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


def endpoint_of(server, endpoint, **values):
    params = {"url": endpoint.url, "enabled_events": ["*"], **values}
    return server.engine.call("POST", "/v1/webhook_endpoints", params)


@pytest.fixture
def other():
    """A second endpoint."""
    endpoint = Endpoint()
    thread = threading.Thread(target=endpoint.serve_forever, args=(0.05,))
    thread.start()
    yield endpoint
    endpoint.shutdown()
    endpoint.server_close()
    thread.join()


def told(endpoint):
    return [json.loads(body)["type"] for _, _, body in endpoint.taken]


def test_a_webhook_endpoint_is_sent_the_events_it_wants_with_its_own_secret(running, other):
    server, first = running
    made = endpoint_of(server, other, enabled_events=["product.created"])
    path = f"/v1/webhook_endpoints/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert "secret" not in server.engine.call("GET", path)

    def add():
        server.engine.call("POST", "/v1/customers", {})
        data = {"currency": "usd", "unit_amount": 100, "product_data": {"name": "Pro"}}
        server.engine.call("POST", "/v1/prices", data)

    add()
    assert server.deliveries.wait(20)
    assert told(other) == ["product.created"]
    assert told(first) == ["customer.created", "product.created", "price.created"]
    (_, signature, body) = other.taken[0]
    stamp = int(signature.partition(",")[0].removeprefix("t="))
    assert signature == sign(body, secret=made["secret"], timestamp=stamp)
    assert json.loads(body)["pending_webhooks"] == 2
    server.engine.call("POST", path, {"disabled": True})
    add()
    server.engine.call("POST", path, {"disabled": False, "enabled_events": ["price.created"]})
    add()
    assert server.deliveries.wait(20)
    server.engine.call("DELETE", path)
    add()
    assert server.deliveries.wait(20)
    assert told(other) == ["product.created", "price.created"]


def test_events_are_found_by_whether_every_endpoint_has_taken_them(running, other):
    server, _ = running
    other.refusals = 10_000
    endpoint_of(server, other, enabled_events=["product.created", "price.created"])
    Shop(server.engine)

    def found(**params):
        return {row["type"] for row in server.engine.call("GET", "/v1/events", params)["data"]}

    for _ in range(200):
        if "customer.created" in found(delivery_success=True):
            break
        time.sleep(0.05)
    assert found(delivery_success=False) == {"product.created", "price.created"}
    assert "product.created" not in found(delivery_success=True)
    assert found(types=["price.created", "customer.created"]) == {
        "price.created",
        "customer.created",
    }
    assert found(type="product.*") == {"product.created"}
    assert found(created={"gt": server.engine.now + 10}) == set()


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"enabled_events": ["*", "product.created"]}, "enabled_events"),
        ({"enabled_events": ["product.exploded"]}, "enabled_events[0]"),
        ({"api_version": "2024-06-20"}, "api_version"),
    ],
)
def test_a_webhook_endpoint_that_stripe_would_refuse_is_refused(values, param):
    params = {"url": "https://example.com/hook", "enabled_events": ["*"], **values}
    with pytest.raises(SandboxError) as refusal:
        Engine().call("POST", "/v1/webhook_endpoints", params)
    assert (refusal.value.status, refusal.value.param) == (400, param)


def test_an_endpoint_of_connected_accounts_is_told_of_theirs_only(running, other):
    server, _ = running
    endpoint_of(server, other, connect=True)
    Shop(server.engine)
    server.engine.emit("product.created", {"id": "prod_1"}, account="acct_1")
    server.engine.tick()
    assert server.deliveries.wait(20)
    assert told(other) == ["product.created"]
    assert json.loads(other.taken[0][2])["account"] == "acct_1"


def press(server, action, **values):
    return fetch(server.url + "/", {"action": action, **values})


def test_the_operators_page_moves_the_clock_and_fails_the_next_payment(running):
    server, _ = running
    shop = Shop(server.engine)
    before = server.engine.now
    assert press(server, "advance", interval="month")[0] == 303
    assert 28 <= (server.engine.now - before) / 86_400 <= 31.1
    press(server, "decline", code="insufficient_funds")
    assert "Will fail: insufficient_funds" in fetch(server.url)[2]
    with pytest.raises(SandboxError):
        pay(server.engine)
    press(server, "decline", code="lost_card")
    press(server, "decline", code="")
    shop.subscribe()
    page = fetch(server.url)[2]
    assert "customer.subscription.created" in page
    assert f'<a href="/objects/{shop.customer["id"]}">' in page
    assert "<script" not in page
    assert "style=" not in page


def test_the_operators_page_refunds_disputes_and_decides(running):
    server, _ = running
    first, second = pay(server.engine), pay(server.engine)
    press(server, "refund", charge=first["latest_charge"])
    status, _, page = press(server, "refund", charge=first["latest_charge"])
    assert (status, "has already been refunded" in page) == (400, True)
    press(server, "dispute", charge=second["latest_charge"])
    (dispute,) = server.engine.call("GET", "/v1/disputes")["data"]
    press(server, "decide", dispute=dispute["id"], is_won="true")
    assert server.engine.call("GET", f"/v1/disputes/{dispute['id']}")["status"] == "won"
    page = fetch(server.url)[2]
    assert "refunded" in page and "disputed" in page
    method = server.engine.call(
        "POST",
        "/v1/payment_methods",
        {"type": "sepa_debit", "sepa_debit": {"iban": "AT321904300235473204"}},
    )
    slow = pay(server.engine, method["id"], currency="eur")
    press(server, "settle", payment_intent=slow["id"], succeeds="false")
    assert "requires_payment_method" in fetch(server.url)[2]
    for wrong in (
        {"action": "explode"},
        {"action": "refund", "charge": "ch_none"},
        {"action": "dispute"},
        {"action": "advance", "interval": "aeon"},
    ):
        assert fetch(server.url + "/", wrong)[0] == 400


def test_the_operators_page_holds_drops_and_repeats_webhooks(running):
    server, endpoint = running
    press(server, "hold", holding="true")
    pay(server.engine)
    page = fetch(server.url)[2]
    assert "3 waiting, held back" in page
    assert "Drop the 3 that wait" in page
    press(server, "drop")
    press(server, "hold", holding="false")
    press(server, "replay", event=server.engine.events[0]["id"])
    assert server.deliveries.wait(20)
    assert told(endpoint) == ["payment_intent.created"]
    assert server.engine.events[0]["type"] == "payment_intent.created"


def test_an_object_has_a_page_with_links_and_events(running):
    server, _ = running
    customer = server.engine.call("POST", "/v1/customers", {"name": "<script>alert(1)</script>"})
    intent = pay(server.engine, customer=customer["id"])
    page = fetch(f"{server.url}/objects/{intent['id']}")[2]
    assert f'<a href="/objects/{customer["id"]}">' in page
    assert "payment_intent.succeeded" in page
    assert "<script>" not in fetch(f"{server.url}/objects/{customer['id']}")[2]
    assert "<script>" not in fetch(server.url)[2]
    assert fetch(f"{server.url}/objects/none")[0] == 404


def test_forms_of_other_sites_are_refused(running):
    server, _ = running
    pay(server.engine)
    for path, origin, status in (
        ("/", "https://evil.example", 403),
        ("/", "null", 403),
        ("/_sandbox/reset", "https://evil.example", 403),
        ("/_sandbox/mend", server.url, 200),
    ):
        request = urllib.request.Request(
            server.url + path, data=b"", headers={"Origin": origin}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                assert answer.status == status
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status
    assert server.engine.events


def test_the_controls_do_what_the_page_does(running):
    server, _ = running
    intent = pay(server.engine)
    opened = control(server, "dispute", charge=intent["latest_charge"])["dispute"]
    assert control(server, "decide", dispute=opened, is_won=False) == {"status": "lost"}
    waiting = pay(server.engine, "pm_card_threeDSecure2Required")
    done = control(server, "authenticate", intent=waiting["id"])
    assert done == {"status": "succeeded"}
    made = control(server, "refund", charge=pay(server.engine)["latest_charge"], amount=100)
    assert server.engine.call("GET", f"/v1/refunds/{made['refund']}")["amount"] == 100
    assert control(server, "decline", code="lost_card") == {"declines": ["lost_card"]}
    control(server, "reset")
    assert pay(server.engine)["status"] == "succeeded"
    assert fetch(f"{server.url}/_sandbox/decline", {"code": "x"})[0] == 400


def test_an_invoices_page_leads_to_3d_secure_and_back(running):
    server, _ = running
    shop = Shop(server.engine)
    subscription = shop.subscribe(payment_behavior="default_incomplete")
    url = shop.invoices(subscription)[0]["hosted_invoice_url"]
    status, headers, _ = fetch(url, {"card_number": "4000000000003220"})
    assert status == 303
    assert headers["Location"].startswith("/3ds/pi_")
    bank = server.url + headers["Location"]
    assert shop.read(subscription)["status"] == "incomplete"
    status, headers, _ = fetch(bank, {"action": "authenticate"})
    assert status == 303
    assert headers["Location"].startswith(url)
    assert shop.read(subscription)["status"] == "active"


def test_the_pages_of_a_connected_account_are_found(running):
    server, _ = running
    engine = server.engine
    with engine.on_account("acct_1Connected"):
        shop = Shop(engine)
        session = shop.checkout()
        portal = shop.call("POST", "/v1/billing_portal/sessions", {"customer": shop.customer["id"]})
    status, _, page = fetch(session["url"])
    assert (status, "20.00 USD" in page) == (200, True)
    assert fetch(session["url"], {"action": "pay", "card_number": "4242424242424242"})[0] == 303
    with engine.on_account("acct_1Connected"):
        (subscription,) = shop.call("GET", "/v1/subscriptions")["data"]
    assert subscription["status"] == "active"
    assert fetch(portal["url"])[0] == 200
    form = {"action": "cancel", "subscription": subscription["id"]}
    assert fetch(portal["url"], form)[0] == 303
    with engine.on_account("acct_1Connected"):
        assert shop.read(subscription)["cancel_at"]
    assert engine.call("GET", "/v1/subscriptions")["data"] == []


def test_the_address_it_was_started_with_hears_of_accounts_under_a_secret_of_their_own():
    endpoint, engine = Endpoint(), Engine()
    deliveries = HttpDeliveries(engine, endpoint.url, secret=SECRET, connect_secret="whsec_c")
    thread = threading.Thread(target=endpoint.serve_forever, args=(0.05,))
    thread.start()
    deliveries.start()
    try:
        engine.call("POST", "/v1/customers", {})
        engine.call("POST", "/v1/customers", {}, account="acct_1Seller")
        assert deliveries.wait(20)
    finally:
        deliveries.stop()
        endpoint.shutdown()
        endpoint.server_close()
        thread.join()
    signed_with = {}
    for _, signature, body in endpoint.taken:
        stamp = int(signature.partition(",")[0].removeprefix("t="))
        [secret] = [
            secret
            for secret in (SECRET, "whsec_c")
            if signature == sign(body, secret=secret, timestamp=stamp)
        ]
        signed_with[json.loads(body).get("account")] = secret
    assert signed_with == {None: SECRET, "acct_1Seller": "whsec_c"}
