"""A Stripe that answers from a dict of objects, in process."""

import copy
import json
import time
from email.utils import formatdate
from types import SimpleNamespace

from django_stripe_billing.stripe_api import CallableHTTPClient


class Answers:
    """`objects` by path; every request is noted in `requests`."""

    def __init__(self):
        self.objects = {}
        self.requests = []
        self.date = time.time

    def client(self):
        return CallableHTTPClient(self.handle)

    def handle(self, method, path, body, headers):
        self.requests.append((method, path, body, dict(headers)))
        bare = path.partition("?")[0]
        headers = {"Date": formatdate(self.date(), usegmt=True), "Request-Id": "req_1"}
        if bare not in self.objects:
            error = {
                "error": {
                    "type": "invalid_request_error",
                    "code": "resource_missing",
                    "message": f"No such object: {bare}",
                }
            }
            return answer(404, headers, error)
        found = self.objects[bare]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, tuple):
            return answer(found[0], headers, found[1])
        return answer(200, headers, copy.deepcopy(found))


def answer(status, headers, data):
    return SimpleNamespace(status=status, headers=headers, body=json.dumps(data).encode())
