from django.http import HttpRequest, HttpResponse
from django.urls import path

from django_stripe_billing.access import feature_required
from tests.urls import urlpatterns as tested


@feature_required("reports")
def gated(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


urlpatterns = [path("gated/", gated), *tested]
