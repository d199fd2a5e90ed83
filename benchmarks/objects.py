"""Single objects by id, for a client that asks for each: Stripe's own examples, the ids put in."""

from __future__ import annotations

import json
import re
from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "shared" / "stripe" / "fixtures3.json"
PRODUCT, PRICE = "prod_benchmark", "price_benchmark"
ACCOUNT = "acct_benchmark"
MARK = "@id@"
_PATH = re.compile(r"/v1/(\w+)/(\w+)")

NO_MORE = json.dumps({"object": "list", "data": [], "has_more": False, "url": "/v1/x"}).encode()


class Objects:
    """What `/v1/customers/cus_1` and the like are answered with. Needs Stripe's examples.

    There are no connected accounts, and no product has features.
    """

    def __init__(self) -> None:
        examples = json.loads(FIXTURES.read_text())["resources"]
        changes = {
            "account": {},
            "customer": {"discount": None, "email": "someone@example.com"},
            "price": {"product": PRODUCT},
            "plan": {"product": PRODUCT},
            "product": {"default_price": PRICE},
        }
        self._texts = {
            f"{name}s": json.dumps({**examples[name], **change, "id": MARK}).encode()
            for name, change in changes.items()
        }

    def answer(self, path: str) -> bytes | None:
        """The body for a path, or None where nothing is known about it."""
        if path == "/v1/account":
            path = f"/v1/accounts/{ACCOUNT}"
        elif path == "/v1/accounts" or path.endswith("/features"):
            return NO_MORE
        found = _PATH.fullmatch(path)
        if not found or found[1] not in self._texts:
            return None
        return self._texts[found[1]].replace(MARK.encode(), found[2].encode())
