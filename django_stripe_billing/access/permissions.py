"""REST framework: views behind a feature."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from .gates import message_of
from .request_billing import billing_of


class _HasFeature(BasePermission):
    key: str
    code = "feature_required"

    @property
    def message(self) -> str:
        return message_of(self.key)

    def has_permission(self, request: Request, view: APIView) -> bool:
        # Asking for the user lets REST framework authenticate, which Billing depends on.
        return bool(request.user is not None and billing_of(request).has(self.key))


def HasFeature(key: str) -> type[Any]:
    """A permission: the subscriber of the request has the feature.

    `permission_classes = [HasFeature("reports")]` answers 403 with the code `feature_required`, and
    what REST framework answers to anonymous requests. It composes with `&`, `|` and `~`.
    """
    return type(f"HasFeature_{key}", (_HasFeature,), {"key": key})
