"""Seats: how many members a team's subscription allows."""

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction

from django_stripe_billing.access import limit

from .models import Membership, Team

WITHOUT_PLAN = 1
"""The owner may always come in, if only to buy."""


def seats_of(team: Team) -> int | None:
    """The seats of a team; None: without limit."""
    seats = limit(team, "seats")
    return None if seats is None else max(seats, WITHOUT_PLAN)


def count_members(team: Team) -> int:
    """What the billing app shows as seats in use, and lets nobody fall below."""
    return team.memberships.count()


def add_member(team: Team, username: str) -> Membership:
    """Add a user to a team. Raises ValidationError when there is no seat left or no such user."""
    found = get_user_model().objects.filter(username=username)
    user = found.first() if username.isprintable() else None
    if user is None:
        raise ValidationError(f"There is no user {username!r}.")
    with transaction.atomic():
        Team.objects.select_for_update().get(pk=team.pk)  # two invitations count each other
        seats = seats_of(team)
        if seats is not None and team.memberships.count() >= seats:
            raise ValidationError(
                f"All {seats} seats are taken. Choose a bigger plan to add {username}."
            )
        membership, is_new = Membership.objects.get_or_create(team=team, user=user)
        if not is_new:
            raise ValidationError(f"{username} is in the team already.")
        return membership
