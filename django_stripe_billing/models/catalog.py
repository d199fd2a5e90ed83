from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..rules.catalog import PriceTerms, price_terms
from .mirrored import MirroredModel


class Feature(MirroredModel):
    """A Stripe entitlements feature, known by its lookup key."""

    class Combine(models.TextChoices):
        MAX = "max", _("the largest limit")
        SUM = "sum", _("the sum of the limits")

    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    lookup_key = models.CharField(_("lookup key"), max_length=80, db_index=True)
    name = models.CharField(_("name"), max_length=255, blank=True, default="")
    active = models.BooleanField(
        _("active"), default=True, help_text=_("An archived feature still grants where attached.")
    )
    combine = models.CharField(
        _("several sources give"), max_length=8, choices=Combine, default=Combine.MAX
    )

    class Meta:
        verbose_name = _("feature")
        verbose_name_plural = _("features")
        ordering = ["lookup_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "stripe_id"], name="stripe_billing_feature_stripe_id"
            )
        ]

    def __str__(self) -> str:
        return self.lookup_key


class Product(MirroredModel):
    """A Stripe product."""

    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    name = models.TextField(_("name"), blank=True, default="")
    description = models.TextField(_("description"), blank=True, default="")
    active = models.BooleanField(_("active"), default=True)
    is_deleted = models.BooleanField(_("deleted"), default=False)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    features = models.ManyToManyField(
        Feature, through="ProductFeature", related_name="products", verbose_name=_("features")
    )

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "stripe_id"], name="stripe_billing_product_stripe_id"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.stripe_id

    @property
    def current_features(self) -> list[ProductFeature]:
        """The links that were not removed; no query where they are prefetched."""
        return [link for link in self.product_features.all() if link.removed_at is None]


class ProductFeature(models.Model):
    """What a product includes. A removed link stays, so that running periods keep the feature."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="product_features")
    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="product_features")
    stripe_id = models.CharField(_("Stripe id"), max_length=255, blank=True, default="")
    limit = models.PositiveIntegerField(
        _("limit"), null=True, blank=True, help_text=_("Empty: without limit.")
    )
    is_limit_per_unit = models.BooleanField(_("per unit of quantity"), default=False)
    removed_at = models.DateTimeField(
        _("removed"),
        null=True,
        blank=True,
        help_text=_("Periods that were running then keep the feature until they end."),
    )

    class Meta:
        verbose_name = _("product feature")
        verbose_name_plural = _("product features")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "feature"], name="stripe_billing_product_feature"
            )
        ]

    def __str__(self) -> str:
        return f"{self.product_id}: {self.feature_id}"


class Price(MirroredModel):
    """A Stripe price."""

    stripe_id = models.CharField(_("Stripe id"), max_length=255)
    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, related_name="prices", verbose_name=_("product")
    )
    lookup_key = models.CharField(
        _("lookup key"), max_length=200, blank=True, default="", db_index=True
    )
    nickname = models.CharField(_("nickname"), max_length=255, blank=True, default="")
    type = models.CharField(_("type"), max_length=64, blank=True, default="")
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    unit_amount = models.BigIntegerField(
        _("amount"), null=True, blank=True, help_text=_("In the currency's minor unit.")
    )
    interval = models.CharField(_("interval"), max_length=16, blank=True, default="")
    interval_count = models.PositiveSmallIntegerField(_("interval count"), default=0)
    usage_type = models.CharField(_("usage type"), max_length=16, blank=True, default="")
    active = models.BooleanField(_("active"), default=True)
    is_deleted = models.BooleanField(_("deleted"), default=False)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        ordering = ["product_id", "unit_amount", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "stripe_id"], name="stripe_billing_price_stripe_id"
            )
        ]

    def __str__(self) -> str:
        return self.lookup_key or self.stripe_id

    @property
    def terms(self) -> PriceTerms:
        """The quantity bounds and the trial; reads the product."""
        return price_terms(self.product.metadata, self.metadata)

    @property
    def is_recurring(self) -> bool:
        return self.type == "recurring"
