"""`path("billing/", include("django_stripe_billing.urls"))`."""

from django.urls import path

from . import views
from .webhooks import webhook

app_name = "stripe_billing"
urlpatterns = [
    path("", views.home, name="home"),
    path("pricing/", views.pricing, name="pricing"),
    path("change/", views.change, name="change"),
    path("change/withdraw/", views.withdraw, name="withdraw_change"),
    path("cancel/", views.cancel, name="cancel"),
    path("resume/", views.resume, name="resume"),
    path("pause/", views.pause, name="pause"),
    path("promotion-code/", views.promotion_code, name="promotion_code"),
    path("webhook/", webhook, name="webhook"),
    path("checkout/", views.checkout, name="checkout"),
    path("setup/", views.setup, name="setup"),
    path("return/", views.checkout_return, name="checkout_return"),
    path("status/", views.status, name="status"),
    path("portal/", views.portal, name="portal"),
    path("card/", views.update_card, name="update_card"),
    path("invoices/", views.invoices, name="invoices"),
    path("invoices/<str:stripe_id>/", views.invoice, name="invoice"),
    path("retry/", views.retry, name="retry_payment"),
]
