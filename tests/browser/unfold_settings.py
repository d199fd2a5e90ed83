"""The example project with django-unfold as its admin, and without a policy: unfold needs inline
scripts, and `unsafe-eval`."""

from project.settings import *  # noqa: F403 - all of them
from project.settings import INSTALLED_APPS, MIDDLEWARE

UNFOLD = {"COLORS": {"primary": {"500": "oklch(71.4% .203 305.504)"}}}
"""Unfold's own colour of links has too little contrast in the dark."""

INSTALLED_APPS = ["unfold", *INSTALLED_APPS]
MIDDLEWARE = [name for name in MIDDLEWARE if name != "teams.security.ContentSecurityPolicy"]
