"""`path("api/billing/", include("django_stripe_billing.api.urls"))`."""

from django.urls import path

from . import views

app_name = "stripe_billing_api"
urlpatterns = [
    path("plans/", views.PlansView.as_view(), name="plans"),
    path("checkout/", views.CheckoutView.as_view(), name="checkout"),
    path("return/", views.ReturnView.as_view(), name="return"),
    path("portal/", views.PortalView.as_view(), name="portal"),
    path("status/", views.StatusView.as_view(), name="status"),
    path("usage/", views.UsageView.as_view(), name="usage"),
    path("entitlements/", views.EntitlementsView.as_view(), name="entitlements"),
]
