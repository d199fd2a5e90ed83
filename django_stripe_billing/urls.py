"""`path("billing/", include("django_stripe_billing.urls"))`."""

from django.urls import path

from . import views
from .webhooks import webhook

app_name = "stripe_billing"
urlpatterns = [
    path("webhook/", webhook, name="webhook"),
    path("checkout/", views.checkout, name="checkout"),
    path("return/", views.checkout_return, name="checkout_return"),
    path("status/", views.status, name="status"),
    path("portal/", views.portal, name="portal"),
]
