"""`path("api/billing/", include("django_stripe_billing.api.urls"))`."""

from django.urls import path

from . import views

app_name = "stripe_billing_api"
urlpatterns = [
    path("plans/", views.PlansView.as_view(), name="plans"),
    path("checkout/", views.CheckoutView.as_view(), name="checkout"),
    path("return/", views.ReturnView.as_view(), name="return"),
    path("portal/", views.PortalView.as_view(), name="portal"),
    path("card/", views.CardView.as_view(), name="card"),
    path("invoices/", views.InvoicesView.as_view(), name="invoices"),
    path("invoices/<str:stripe_id>/", views.InvoiceView.as_view(), name="invoice"),
    path("payment-method/", views.PaymentMethodView.as_view(), name="payment_method"),
    path("dunning/", views.DunningView.as_view(), name="dunning"),
    path("retry-payment/", views.RetryPaymentView.as_view(), name="retry_payment"),
    path("status/", views.StatusView.as_view(), name="status"),
    path("entitlements/", views.EntitlementsView.as_view(), name="entitlements"),
]
