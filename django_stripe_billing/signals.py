"""Signals, sent once, after the transaction that made the change has committed."""

from django.dispatch import Signal

entitlement_granted = Signal()  # customer: Customer, feature: Feature, change: EntitlementChange
entitlement_changed = Signal()  # customer: Customer, feature: Feature, change: EntitlementChange
entitlement_revoked = Signal()  # customer: Customer, feature: Feature, change: EntitlementChange
subscription_changed = Signal()  # subscription: Subscription, status_before: str ('' when new)
subscription_ended = Signal()  # subscription: Subscription
dunning_started = Signal()  # subscription: Subscription
dunning_recovered = Signal()  # subscription: Subscription
access_ending = Signal()  # subscription: Subscription, ends_at: datetime, reason: str
invoice_paid = Signal()  # invoice: Invoice
payment_failed = Signal()  # invoice: Invoice, attempt: int
payment_action_required = Signal()  # invoice: Invoice
invoice_refunded = (
    Signal()
)  # invoice: Invoice, subscription: Subscription | None, refunded_before: int
invoice_disputed = (
    Signal()
)  # invoice: Invoice, subscription: Subscription | None, status_before: str
renewal_coming = Signal()  # subscription: Subscription, at: datetime, amount: int, currency: str
payment_changed = Signal()  # payment: Payment, status_before: str ('' when new)
trial_will_end = Signal()  # subscription: Subscription, trial_end_at: datetime
drift_found = Signal()  # run: ReconcileRun; sent by reconcile_entitlements --notify
