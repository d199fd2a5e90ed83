"""`path("api/billing/", include("django_stripe_billing.api.urls"))`."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from . import invoices, payments, subscriptions, views


class AnythingConverter(StringConverter):
    """Whatever is no id of theirs is answered by the view, with a code."""

    regex = r"[\s\S]+"


register_converter(AnythingConverter, "stripe_billing_anything")

app_name = "stripe_billing_api"
urlpatterns = [
    path("plans/", views.PlansView.as_view(), name="plans"),
    path("checkout/", views.CheckoutView.as_view(), name="checkout"),
    path("setup/", views.SetupView.as_view(), name="setup"),
    path("return/", views.ReturnView.as_view(), name="return"),
    path("portal/", views.PortalView.as_view(), name="portal"),
    path("card/", invoices.CardView.as_view(), name="card"),
    path("invoices/", invoices.InvoicesView.as_view(), name="invoices"),
    path(
        "invoices/<stripe_billing_anything:stripe_id>/",
        invoices.InvoiceView.as_view(),
        name="invoice",
    ),
    path("payments/", payments.PaymentsView.as_view(), name="payments"),
    path(
        "payments/<stripe_billing_anything:stripe_id>/",
        payments.PaymentView.as_view(),
        name="payment",
    ),
    path("payment-method/", invoices.PaymentMethodView.as_view(), name="payment_method"),
    path("dunning/", invoices.DunningView.as_view(), name="dunning"),
    path("retry-payment/", invoices.RetryPaymentView.as_view(), name="retry_payment"),
    path("subscription/", subscriptions.SubscriptionView.as_view(), name="subscription"),
    path("subscription/preview/", subscriptions.PreviewView.as_view(), name="preview"),
    path("subscription/cancel/", subscriptions.CancelView.as_view(), name="cancel"),
    path("subscription/resume/", subscriptions.ResumeView.as_view(), name="resume"),
    path("subscription/pause/", subscriptions.PauseView.as_view(), name="pause"),
    path(
        "subscription/promotion-code/",
        subscriptions.PromotionCodeView.as_view(),
        name="promotion_code",
    ),
    path("status/", views.StatusView.as_view(), name="status"),
    path("usage/", views.UsageView.as_view(), name="usage"),
    path("entitlements/", views.EntitlementsView.as_view(), name="entitlements"),
]
