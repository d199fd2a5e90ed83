"""The hooks that tell the billing app who pays, and for whom a request may act."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest

from .models import Membership, Team

SESSION_KEY = "team"


def current_membership(request: HttpRequest) -> Membership | None:
    """The signed-in user's membership in the team that they chose, or in their first one.

    The session only remembers a wish: the membership is looked up for each request.
    """
    if not request.user.is_authenticated:
        return None
    own = Membership.objects.filter(user=request.user).select_related("team").order_by("pk")
    chosen = own.filter(team=request.session.get(SESSION_KEY)).first()
    return chosen or own.first()


def current_team(request: HttpRequest, action: str) -> Team:
    """Every member may use what the team paid for; only an owner may buy and cancel."""
    membership = current_membership(request)
    if membership is None:
        raise PermissionDenied("You are in no team.")
    if action != "access" and membership.role != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner of the team may change its subscription.")
    return membership.team


def customer_details(team: Model) -> dict[str, Any]:
    """What Stripe may know of a team."""
    assert isinstance(team, Team)
    return {"name": team.name, "email": team.email}
