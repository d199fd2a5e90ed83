from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("teams.urls")),
    path("accounts/", include("django.contrib.auth.urls")),
    path("billing/", include("django_stripe_billing.urls")),
    path("api/billing/", include("django_stripe_billing.api.urls")),
    path("admin/", admin.site.urls),
]
