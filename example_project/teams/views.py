from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from django_stripe_billing.access import feature_required
from django_stripe_billing.access.permissions import HasFeature

from .billing import SESSION_KEY, current_membership
from .models import Membership
from .seats import add_member, seats_of

FIGURES = [("January", 1200), ("February", 1850), ("March", 2400)]


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "teams/home.html")


@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    membership = current_membership(request)
    if membership is None:
        raise PermissionDenied("You are in no team.")
    members = membership.team.memberships.select_related("user").order_by("pk")
    return render(
        request,
        "teams/dashboard.html",
        {
            "members": members,
            "seats": seats_of(membership.team),
            "teams": Membership.objects.filter(user=membership.user)
            .select_related("team")
            .order_by("pk"),
            "is_owner": membership.role == Membership.Role.OWNER,
        },
    )


@login_required
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    membership = current_membership(request)
    if membership is None or membership.role != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner of the team may add members.")
    try:
        added = add_member(membership.team, request.POST.get("username", "").strip())
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, f"{added.user} is in the team.")
    return redirect("dashboard")


@login_required
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Choose another of one's own teams."""
    current, wanted = current_membership(request), request.POST.get("team", "")
    own = Membership.objects.filter(user=current.user) if current else []
    chosen = next((entry.team_id for entry in own if str(entry.team_id) == wanted), None)
    if chosen is None:
        raise Http404
    request.session[SESSION_KEY] = chosen
    return redirect("dashboard")


@feature_required("reports")
def reports(request: HttpRequest) -> HttpResponse:
    return render(request, "teams/reports.html", {"figures": FIGURES})


@extend_schema(responses={200: {"type": "object", "properties": {"figures": {"type": "object"}}}})
@api_view(["GET"])
@permission_classes([HasFeature("api_access")])
def reports_api(request: Request) -> Response:
    return Response({"figures": dict(FIGURES)})
