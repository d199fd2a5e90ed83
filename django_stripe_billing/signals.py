"""Signals, sent once, after the transaction that made the change has committed."""

from django.dispatch import Signal

entitlement_granted = Signal()  # customer: Customer, feature: Feature, change: EntitlementChange
entitlement_changed = Signal()  # customer: Customer, feature: Feature, change: EntitlementChange
entitlement_revoked = Signal()  # customer: Customer, feature: Feature, change: EntitlementChange
subscription_changed = Signal()  # subscription: Subscription, status_before: str ('' when new)
drift_found = Signal()  # run: ReconcileRun; sent by reconcile_entitlements --notify
