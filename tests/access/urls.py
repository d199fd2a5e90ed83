from django.http import HttpResponse
from django.template import engines
from django.urls import include, path
from django.views import View
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response

from django_stripe_billing.access import FeatureRequiredMixin, feature_required
from django_stripe_billing.access.permissions import HasFeature


@feature_required("reports")
def gated(request):
    return HttpResponse("in")


@feature_required("reports", redirect_to="/plans/")
def redirecting(request):
    return HttpResponse("in")


@feature_required("reports")
async def gated_async(request):
    return HttpResponse("in")


class Gated(FeatureRequiredMixin, View):
    required_feature = "reports"

    def get(self, request):
        return HttpResponse("in")


class GatedAsync(FeatureRequiredMixin, View):
    required_feature = "reports"

    async def get(self, request):
        return HttpResponse("in")


class Forgotten(FeatureRequiredMixin, View):
    def get(self, request):
        return HttpResponse("in")


@api_view(["GET"])
@permission_classes([HasFeature("reports")])
def gated_api(request):
    return Response("in")


@api_view(["GET"])
@permission_classes([HasFeature("reports") | HasFeature("seats")])
def either_api(request):
    return Response("in")


def five_questions(request):
    billing = request.billing
    answers = [
        billing.has("reports"),
        billing.has("nothing"),
        billing.limit("seats"),
        "seats" in billing.features,
        billing.limits.get("seats"),
    ]
    return HttpResponse(repr(answers))


def silent(request):
    return HttpResponse("nobody asked")


def template(request):
    source = (
        "{% if billing.features.reports %}reports{% endif %}"
        "{% if billing.features.nothing %}nothing{% endif %} {{ billing.limits.seats }}"
    )
    source = request.GET.get("source", source)
    return HttpResponse(engines["django"].from_string(source).render({}, request))


urlpatterns = [
    path("gated/", gated),
    path("redirecting/", redirecting),
    path("async/", gated_async),
    path("class/", Gated.as_view()),
    path("async-class/", GatedAsync.as_view()),
    path("forgotten/", Forgotten.as_view()),
    path("api/", gated_api),
    path("api/either/", either_api),
    path("five/", five_questions),
    path("silent/", silent),
    path("template/", template),
    path("billing/", include("django_stripe_billing.urls")),
]
