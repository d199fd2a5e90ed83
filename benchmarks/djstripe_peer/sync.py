"""dj-stripe's own sync of subscriptions, twice; runs in the peer's environment.

    python -m benchmarks.djstripe_peer.sync

Prints a line of JSON for the first sync, into an empty database, and one for the second, where
nothing changed. The sync is the command of its documentation.
"""

from __future__ import annotations

import io
import json
import os
import resource
import time
from urllib.request import urlopen

import django

from benchmarks.statements import Statements


def calls() -> int:
    """How often the page server was called. It must have known everything it was asked."""
    with urlopen(os.environ["BENCHMARK_API_BASE"] + "/calls") as answer:
        asked = json.load(answer)
    if asked["unknown"]:
        raise SystemExit(f"The page server does not know {asked['unknown'][:10]}")
    return asked["calls"]


def sync() -> dict[str, float]:
    """One run of the command. Raises CommandError when it could not sync an object."""
    from django.core.management import call_command
    from django.db import connection
    from djstripe.models import Subscription, SubscriptionItem

    statements, before = Statements(), calls()
    started = time.perf_counter()
    with connection.execute_wrapper(statements):
        call_command(
            "djstripe_sync_models", "Subscription", fail_on_error=True, stdout=io.StringIO()
        )
    return {
        "seconds": time.perf_counter() - started,
        "subscriptions": Subscription.objects.count(),
        "items": SubscriptionItem.objects.count(),
        "statements": statements.number,
        "calls": calls() - before,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    django.setup()
    for _ in range(2):
        print(json.dumps(sync()))


if __name__ == "__main__":
    main()
