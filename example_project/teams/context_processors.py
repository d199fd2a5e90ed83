from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from .billing import current_membership


def team(request: HttpRequest) -> dict[str, Any]:
    """`membership` in templates: the signed-in user's, in the current team."""
    return {"membership": SimpleLazyObject(lambda: current_membership(request))}
