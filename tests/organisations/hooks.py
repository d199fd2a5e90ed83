from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from .models import Organisation


def current_organisation(request: HttpRequest, action: str) -> Organisation:
    """The first organisation that the signed-in user is a member of."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    organisation = request.user.organisations.order_by("pk").first()
    if organisation is None:
        raise PermissionDenied
    return organisation
