"""Giving a customer that was made in Stripe to a subscriber."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..checkout import link_customer
from ..models import Customer
from .doing import Deed, DeedForm, Done
from .synced import person

RELATION: Any = Customer._meta.get_field("subscriber").remote_field


class SubscriberForm(DeedForm):
    """Asks for a subscriber by their key, with the admin's own search."""

    subscriber = forms.ModelChoiceField(
        RELATION.model._default_manager.all(), label=gettext_lazy("Subscriber")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["subscriber"].widget = ForeignKeyRawIdWidget(RELATION, self.admin_site)


class LinkForm(SubscriberForm):
    def clean_subscriber(self) -> Any:
        subscriber = self.cleaned_data["subscriber"]
        own = Customer.objects.filter(account=self.row.account, subscriber=subscriber)
        other = own.exclude(stripe_id=None).first()
        if other is not None:
            text = _("%(subscriber)s has the customer %(other)s already.")
            raise forms.ValidationError(text % {"subscriber": subscriber, "other": other})
        return subscriber


class LinkToSubscriber(Deed):
    name = "link"
    label = gettext_lazy("Link to a subscriber")
    permission = "stripe_billing.change_customer"
    form = LinkForm

    def is_offered(self, row: Any) -> bool:
        return row.subscriber_id is None and not row.is_deleted

    def sentence(self, row: Any, values: dict[str, Any]) -> str:
        text = _(
            "%(row)s becomes %(subscriber)s's: they may use what it has paid for, see its invoices"
            " and manage its subscriptions. This can't be changed here afterwards."
        )
        return text % {"row": row, "subscriber": values["subscriber"]}

    def do(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> Done:
        link_customer(row, values["subscriber"], cause=person(request))
        text = _("Linked to %(subscriber)s.")
        return Done(text=text % {"subscriber": values["subscriber"]})
