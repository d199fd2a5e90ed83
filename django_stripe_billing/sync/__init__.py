"""The one door: snapshots → rows → entitlements → signals on commit."""

from .catalog import (
    apply_feature,
    apply_price,
    apply_product,
    apply_product_features,
    recompute,
)
from .catalog_terms import CatalogTerms, read_catalog
from .customers import apply_customer
from .deadlocks import begun_anew
from .door import Cause
from .fetching import (
    read_invoice,
    read_subscription,
    settle,
    sync_customer,
    sync_customer_invoices,
    sync_customer_subscriptions,
    sync_invoice,
    sync_subscription,
)
from .grants import add_manual_grant, end_manual_grant, move_manual_grants
from .insertion import insert
from .invoice_money import apply_invoice_money
from .invoice_news import Told
from .invoices import InvoiceReading, apply_invoice, delete_invoice
from .locking import lock_products
from .payment_fetching import (
    parse_fetched,
    payment_pages,
    read_payment,
    sells_payments,
    suspects,
    sync_customer_payments,
    sync_payment,
)
from .payment_methods import apply_payment_method, fetch_payment_method, forget_payment_method
from .payments import (
    PaymentReading,
    apply_payment,
    expect_payment,
    mark_payment_missing,
    recompute_payments,
)
from .stored import Stored, read_stored
from .subscription_news import tell_of_trial_end
from .subscriptions import (
    Outcome,
    SubscriptionReading,
    apply_subscriptions,
    mark_missing,
    recompute_subscriptions,
    revoke_unfounded,
)
from .trials import claim_card, claim_trial, close_sessions, is_card_taken, read_fingerprints

__all__ = [
    "CatalogTerms",
    "Cause",
    "InvoiceReading",
    "Outcome",
    "PaymentReading",
    "Stored",
    "SubscriptionReading",
    "Told",
    "add_manual_grant",
    "apply_customer",
    "apply_feature",
    "apply_invoice",
    "apply_invoice_money",
    "apply_payment",
    "apply_payment_method",
    "apply_price",
    "apply_product",
    "apply_product_features",
    "apply_subscriptions",
    "begun_anew",
    "claim_card",
    "claim_trial",
    "close_sessions",
    "delete_invoice",
    "end_manual_grant",
    "expect_payment",
    "fetch_payment_method",
    "forget_payment_method",
    "insert",
    "is_card_taken",
    "lock_products",
    "mark_missing",
    "mark_payment_missing",
    "move_manual_grants",
    "parse_fetched",
    "payment_pages",
    "read_catalog",
    "read_fingerprints",
    "read_invoice",
    "read_payment",
    "read_stored",
    "read_subscription",
    "recompute",
    "recompute_payments",
    "recompute_subscriptions",
    "revoke_unfounded",
    "sells_payments",
    "settle",
    "suspects",
    "sync_customer",
    "sync_customer_invoices",
    "sync_customer_payments",
    "sync_customer_subscriptions",
    "sync_invoice",
    "sync_payment",
    "sync_subscription",
    "tell_of_trial_end",
]
