from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authtoken.views import obtain_auth_token

urlpatterns = [
    path("", include("teams.urls")),
    path("accounts/", include("django.contrib.auth.urls")),
    path("billing/", include("django_stripe_billing.urls")),
    path("api/billing/", include("django_stripe_billing.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/token/", obtain_auth_token, name="token"),
    path("admin/", admin.site.urls),
]
