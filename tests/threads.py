"""Things that happen at the same moment: real threads, each with its own connection."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

needs_threads = pytest.mark.skipif(
    connection.vendor == "sqlite",
    reason="SQLite in memory has one writer; PostgreSQL and MariaDB run this (TEST_DATABASE)",
)


def together(*functions):
    """Call the functions in threads that start at one moment; what each returned."""
    barrier = threading.Barrier(len(functions))

    def call(function):
        try:
            barrier.wait(timeout=20)
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(call, f) for f in functions]]
