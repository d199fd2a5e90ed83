"""The databases of the benchmarks: the same settings for this project and for its peer."""

import os
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["BENCHMARK_FOLDER"])
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "sqlite": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": FOLDER / "benchmark.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 60,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        },
        "postgres": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ.get("BENCHMARK_DATABASE_NAME", "stripe_billing_benchmark"),
            "HOST": "127.0.0.1",
            "USER": os.environ.get("TEST_POSTGRES_USER", "postgres"),
            "PASSWORD": os.environ.get("TEST_POSTGRES_PASSWORD", ""),
        },
    }[os.environ.get("BENCHMARK_DATABASE", "sqlite")]
}
