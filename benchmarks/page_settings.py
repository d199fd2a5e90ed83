"""Settings of `make bench-pages`: those of the benchmark, with a page behind a feature."""

from .settings import *  # noqa: F403 - all of them

ROOT_URLCONF = "benchmarks.page_urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"
