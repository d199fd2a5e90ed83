"""All that is stored about a customer, and how it is called."""

from __future__ import annotations

import difflib

from django.utils import timezone

from ..models import (
    Customer,
    Entitlement,
    EntitlementChange,
    Feature,
    ManualGrant,
    Payment,
    ProductFeature,
    Subscription,
    SubscriptionItem,
)
from .wording import given, when


class Facts:
    """All that is stored about a customer, read once."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.now = timezone.now()
        self.rows = list(
            Entitlement.objects.filter(customer=customer).select_related("feature").order_by("pk")
        )
        self.subscriptions = {
            row.stripe_id: row
            for row in Subscription.objects.filter(customer=customer).prefetch_related("items")
        }
        self.payments = {
            row.stripe_id: row
            for row in Payment.objects.filter(customer=customer).prefetch_related("items")
        }
        for row in self.payments.values():
            row.customer = customer
        products = {item.product_id for item in self._items()} | {
            item.product_id for row in self.payments.values() for item in row.items.all()
        }
        self.links = list(
            ProductFeature.objects.filter(
                product__account=customer.account, product__stripe_id__in=products
            ).select_related("product", "feature")
        )
        self.feature_keys = set(
            Feature.objects.filter(account=customer.account).values_list("lookup_key", flat=True)
        )
        self.grants = {
            row.source_id: row
            for row in ManualGrant.objects.filter(customer=customer).select_related("feature")
        }
        self.changes: dict[tuple[str, str], EntitlementChange] = {}
        for change in (
            EntitlementChange.objects.filter(customer=customer)
            .select_related("feature")
            .order_by("pk")
        ):
            self.changes[change.feature.lookup_key, change.source_id] = change

    def _items(self) -> list[SubscriptionItem]:
        return [item for row in self.subscriptions.values() for item in row.items.all()]

    def source(self, row: Entitlement) -> str:
        grant = self.grants.get(row.source_id)
        if grant is not None:
            return given(grant)
        payment = self.payments.get(row.source_id)
        if payment is not None:
            bought = {item.product_id for item in payment.items.all()}
            return f"Payment {row.source_id} ({self.names(bought)}, {payment.status})"
        subscription = self.subscriptions.get(row.source_id)
        if subscription is None:
            return f"The {row.source_kind} {row.source_id}"
        products = {item.product_id for item in subscription.items.all()}
        return f"Subscription {row.source_id} ({self.names(products)}, {subscription.status})"

    def names(self, products: set[str]) -> str:
        return ", ".join(
            sorted({str(link.product) for link in self.links if link.product.stripe_id in products})
        )

    def cause(self, key: str, source_id: str) -> list[str]:
        change = self.changes.get((key, source_id))
        if change is None:
            return []
        cause = f"{change.get_cause_kind_display()} {change.cause_id}".strip()
        return [f"Last {change.kind} on {when(change.created_at)} by {cause}."]

    def near(self, key: str) -> str:
        near = difflib.get_close_matches(key, sorted(self.feature_keys), n=1)
        return f"; did you mean {near[0]!r}?" if near else "."
