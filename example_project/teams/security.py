"""A strict Content-Security-Policy: nothing inline, nothing from elsewhere."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

STRIPE = "https://checkout.stripe.com https://billing.stripe.com https://invoice.stripe.com"
"""Browsers follow a form's redirects only to what `form-action` names: Stripe's own pages."""


def policy() -> str:
    sandbox = settings.STRIPE_BILLING["API_BASE"]
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; frame-ancestors 'none';"
        f" form-action 'self' {STRIPE} {sandbox}".rstrip()
    )


class ContentSecurityPolicy:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy())
        return response
