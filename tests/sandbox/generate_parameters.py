"""Write the sandbox's parameters.json from stripe-python's own parameter types.

python -m tests.sandbox.generate_parameters
"""

import importlib
import inspect
import json
import types
import typing
from decimal import Decimal
from pathlib import Path

import typing_extensions
from stripe._request_options import RequestOptions

TARGET = Path(__file__).parents[2] / "django_stripe_billing" / "sandbox" / "parameters.json"

OPERATIONS = {
    "GET /v1/application_fees": "ApplicationFeeListParams",
    "GET /v1/balance": "BalanceRetrieveParams",
    "GET /v1/payouts": "PayoutListParams",
    "GET /v1/reviews": "ReviewListParams",
    "GET /v1/topups": "TopupListParams",
    "GET /v1/transfers": "TransferListParams",
    "GET /v1/balance_transactions": "BalanceTransactionListParams",
    "GET /v1/balance_transactions/{id}": "BalanceTransactionRetrieveParams",
    "POST /v1/billing/meter_event_adjustments": "billing.MeterEventAdjustmentCreateParams",
    "POST /v1/billing/meter_events": "billing.MeterEventCreateParams",
    "GET /v1/billing/meters": "billing.MeterListParams",
    "POST /v1/billing/meters": "billing.MeterCreateParams",
    "GET /v1/billing/meters/{id}": "billing.MeterRetrieveParams",
    "POST /v1/billing/meters/{id}": "billing.MeterUpdateParams",
    "POST /v1/billing/meters/{id}/deactivate": "billing.MeterDeactivateParams",
    "GET /v1/billing/meters/{id}/event_summaries": "billing.MeterListEventSummariesParams",
    "POST /v1/billing/meters/{id}/reactivate": "billing.MeterReactivateParams",
    "GET /v1/billing_portal/configurations": "billing_portal.ConfigurationListParams",
    "POST /v1/billing_portal/configurations": "billing_portal.ConfigurationCreateParams",
    "GET /v1/billing_portal/configurations/{id}": "billing_portal.ConfigurationRetrieveParams",
    "POST /v1/billing_portal/configurations/{id}": "billing_portal.ConfigurationUpdateParams",
    "POST /v1/billing_portal/sessions": "billing_portal.SessionCreateParams",
    "GET /v1/charges": "ChargeListParams",
    "GET /v1/charges/search": "ChargeSearchParams",
    "GET /v1/charges/{id}": "ChargeRetrieveParams",
    "POST /v1/charges/{id}": "ChargeUpdateParams",
    "GET /v1/charges/{id}/refunds": "ChargeListRefundsParams",
    "GET /v1/checkout/sessions": "checkout.SessionListParams",
    "POST /v1/checkout/sessions": "checkout.SessionCreateParams",
    "GET /v1/checkout/sessions/{id}": "checkout.SessionRetrieveParams",
    "POST /v1/checkout/sessions/{id}": "checkout.SessionUpdateParams",
    "POST /v1/checkout/sessions/{id}/expire": "checkout.SessionExpireParams",
    "GET /v1/checkout/sessions/{id}/line_items": "checkout.SessionListLineItemsParams",
    "GET /v1/coupons": "CouponListParams",
    "POST /v1/coupons": "CouponCreateParams",
    "GET /v1/coupons/{id}": "CouponRetrieveParams",
    "POST /v1/coupons/{id}": "CouponUpdateParams",
    "DELETE /v1/coupons/{id}": "CouponDeleteParams",
    "GET /v1/credit_notes": "CreditNoteListParams",
    "POST /v1/credit_notes": "CreditNoteCreateParams",
    "GET /v1/credit_notes/preview": "CreditNotePreviewParams",
    "GET /v1/credit_notes/{id}": "CreditNoteRetrieveParams",
    "POST /v1/credit_notes/{id}": "CreditNoteUpdateParams",
    "GET /v1/credit_notes/{id}/lines": "CreditNoteListLinesParams",
    "POST /v1/credit_notes/{id}/void": "CreditNoteVoidCreditNoteParams",
    "GET /v1/customers": "CustomerListParams",
    "POST /v1/customers": "CustomerCreateParams",
    "GET /v1/customers/search": "CustomerSearchParams",
    "GET /v1/customers/{id}": "CustomerRetrieveParams",
    "POST /v1/customers/{id}": "CustomerUpdateParams",
    "DELETE /v1/customers/{id}": "CustomerDeleteParams",
    "GET /v1/customers/{id}/cash_balance": "CustomerCashBalanceRetrieveParams",
    "DELETE /v1/customers/{id}/discount": "CustomerDeleteDiscountParams",
    "GET /v1/customers/{id}/payment_methods": "CustomerListPaymentMethodsParams",
    "GET /v1/customers/{id}/payment_methods/{id}": "CustomerRetrievePaymentMethodParams",
    "GET /v1/customers/{id}/sources": "CustomerPaymentSourceListParams",
    "POST /v1/customers/{id}/sources": "CustomerPaymentSourceCreateParams",
    "GET /v1/customers/{id}/sources/{id}": "CustomerPaymentSourceRetrieveParams",
    "POST /v1/customers/{id}/sources/{id}": "CustomerPaymentSourceUpdateParams",
    "DELETE /v1/customers/{id}/sources/{id}": "CustomerPaymentSourceDeleteParams",
    "GET /v1/customers/{id}/tax_ids": "CustomerTaxIdListParams",
    "POST /v1/customers/{id}/tax_ids": "CustomerTaxIdCreateParams",
    "GET /v1/customers/{id}/tax_ids/{id}": "CustomerTaxIdRetrieveParams",
    "DELETE /v1/customers/{id}/tax_ids/{id}": "CustomerTaxIdDeleteParams",
    "GET /v1/disputes": "DisputeListParams",
    "GET /v1/disputes/{id}": "DisputeRetrieveParams",
    "POST /v1/disputes/{id}": "DisputeUpdateParams",
    "POST /v1/disputes/{id}/close": "DisputeCloseParams",
    "GET /v1/customers/{id}/balance_transactions": "CustomerBalanceTransactionListParams",
    "POST /v1/customers/{id}/balance_transactions": "CustomerBalanceTransactionCreateParams",
    "GET /v1/customers/{id}/balance_transactions/{id}": (
        "CustomerBalanceTransactionRetrieveParams"
    ),
    "POST /v1/customers/{id}/balance_transactions/{id}": "CustomerBalanceTransactionUpdateParams",
    "GET /v1/entitlements/active_entitlements": "entitlements.ActiveEntitlementListParams",
    "GET /v1/entitlements/active_entitlements/{id}": "entitlements.ActiveEntitlementRetrieveParams",
    "GET /v1/entitlements/features": "entitlements.FeatureListParams",
    "POST /v1/entitlements/features": "entitlements.FeatureCreateParams",
    "GET /v1/entitlements/features/{id}": "entitlements.FeatureRetrieveParams",
    "POST /v1/entitlements/features/{id}": "entitlements.FeatureUpdateParams",
    "GET /v1/events": "EventListParams",
    "GET /v1/events/{id}": "EventRetrieveParams",
    "GET /v1/invoice_payments": "InvoicePaymentListParams",
    "GET /v1/invoice_payments/{id}": "InvoicePaymentRetrieveParams",
    "GET /v1/invoiceitems": "InvoiceItemListParams",
    "POST /v1/invoiceitems": "InvoiceItemCreateParams",
    "GET /v1/invoiceitems/{id}": "InvoiceItemRetrieveParams",
    "POST /v1/invoiceitems/{id}": "InvoiceItemUpdateParams",
    "DELETE /v1/invoiceitems/{id}": "InvoiceItemDeleteParams",
    "GET /v1/invoices": "InvoiceListParams",
    "POST /v1/invoices": "InvoiceCreateParams",
    "POST /v1/invoices/create_preview": "InvoiceCreatePreviewParams",
    "GET /v1/invoices/search": "InvoiceSearchParams",
    "GET /v1/invoices/{id}": "InvoiceRetrieveParams",
    "GET /v1/payment_intents": "PaymentIntentListParams",
    "POST /v1/payment_intents": "PaymentIntentCreateParams",
    "POST /v1/invoices/{id}": "InvoiceUpdateParams",
    "DELETE /v1/invoices/{id}": "InvoiceDeleteParams",
    "POST /v1/invoices/{id}/finalize": "InvoiceFinalizeInvoiceParams",
    "GET /v1/invoices/{id}/lines": "InvoiceLineItemListParams",
    "POST /v1/invoices/{id}/mark_uncollectible": "InvoiceMarkUncollectibleParams",
    "POST /v1/invoices/{id}/pay": "InvoicePayParams",
    "POST /v1/invoices/{id}/send": "InvoiceSendInvoiceParams",
    "POST /v1/invoices/{id}/void": "InvoiceVoidInvoiceParams",
    "GET /v1/payment_intents/search": "PaymentIntentSearchParams",
    "GET /v1/payment_intents/{id}": "PaymentIntentRetrieveParams",
    "POST /v1/payment_intents/{id}": "PaymentIntentUpdateParams",
    "POST /v1/payment_intents/{id}/cancel": "PaymentIntentCancelParams",
    "POST /v1/payment_intents/{id}/capture": "PaymentIntentCaptureParams",
    "POST /v1/payment_intents/{id}/confirm": "PaymentIntentConfirmParams",
    "GET /v1/payment_methods": "PaymentMethodListParams",
    "POST /v1/payment_methods": "PaymentMethodCreateParams",
    "GET /v1/payment_methods/{id}": "PaymentMethodRetrieveParams",
    "POST /v1/payment_methods/{id}": "PaymentMethodUpdateParams",
    "POST /v1/payment_methods/{id}/attach": "PaymentMethodAttachParams",
    "POST /v1/payment_methods/{id}/detach": "PaymentMethodDetachParams",
    "GET /v1/plans": "PlanListParams",
    "POST /v1/plans": "PlanCreateParams",
    "GET /v1/plans/{id}": "PlanRetrieveParams",
    "POST /v1/plans/{id}": "PlanUpdateParams",
    "DELETE /v1/plans/{id}": "PlanDeleteParams",
    "GET /v1/prices": "PriceListParams",
    "POST /v1/prices": "PriceCreateParams",
    "GET /v1/prices/search": "PriceSearchParams",
    "GET /v1/prices/{id}": "PriceRetrieveParams",
    "POST /v1/prices/{id}": "PriceUpdateParams",
    "GET /v1/products": "ProductListParams",
    "POST /v1/products": "ProductCreateParams",
    "GET /v1/products/search": "ProductSearchParams",
    "GET /v1/products/{id}": "ProductRetrieveParams",
    "POST /v1/products/{id}": "ProductUpdateParams",
    "DELETE /v1/products/{id}": "ProductDeleteParams",
    "GET /v1/products/{id}/features": "ProductFeatureListParams",
    "POST /v1/products/{id}/features": "ProductFeatureCreateParams",
    "GET /v1/products/{id}/features/{id}": "ProductFeatureRetrieveParams",
    "DELETE /v1/products/{id}/features/{id}": "ProductFeatureDeleteParams",
    "GET /v1/promotion_codes": "PromotionCodeListParams",
    "POST /v1/promotion_codes": "PromotionCodeCreateParams",
    "GET /v1/promotion_codes/{id}": "PromotionCodeRetrieveParams",
    "POST /v1/promotion_codes/{id}": "PromotionCodeUpdateParams",
    "GET /v1/refunds": "RefundListParams",
    "POST /v1/refunds": "RefundCreateParams",
    "GET /v1/refunds/{id}": "RefundRetrieveParams",
    "POST /v1/refunds/{id}": "RefundUpdateParams",
    "POST /v1/refunds/{id}/cancel": "RefundCancelParams",
    "GET /v1/setup_intents": "SetupIntentListParams",
    "POST /v1/setup_intents": "SetupIntentCreateParams",
    "GET /v1/setup_intents/{id}": "SetupIntentRetrieveParams",
    "POST /v1/setup_intents/{id}": "SetupIntentUpdateParams",
    "POST /v1/setup_intents/{id}/cancel": "SetupIntentCancelParams",
    "POST /v1/setup_intents/{id}/confirm": "SetupIntentConfirmParams",
    "GET /v1/subscription_items": "SubscriptionItemListParams",
    "POST /v1/subscription_items": "SubscriptionItemCreateParams",
    "GET /v1/subscription_items/{id}": "SubscriptionItemRetrieveParams",
    "POST /v1/subscription_items/{id}": "SubscriptionItemUpdateParams",
    "DELETE /v1/subscription_items/{id}": "SubscriptionItemDeleteParams",
    "GET /v1/subscription_schedules": "SubscriptionScheduleListParams",
    "POST /v1/subscription_schedules": "SubscriptionScheduleCreateParams",
    "GET /v1/subscription_schedules/{id}": "SubscriptionScheduleRetrieveParams",
    "POST /v1/subscription_schedules/{id}": "SubscriptionScheduleUpdateParams",
    "POST /v1/subscription_schedules/{id}/cancel": "SubscriptionScheduleCancelParams",
    "POST /v1/subscription_schedules/{id}/release": "SubscriptionScheduleReleaseParams",
    "GET /v1/subscriptions": "SubscriptionListParams",
    "POST /v1/subscriptions": "SubscriptionCreateParams",
    "GET /v1/subscriptions/search": "SubscriptionSearchParams",
    "GET /v1/subscriptions/{id}": "SubscriptionRetrieveParams",
    "POST /v1/subscriptions/{id}": "SubscriptionUpdateParams",
    "DELETE /v1/subscriptions/{id}": "SubscriptionCancelParams",
    "DELETE /v1/subscriptions/{id}/discount": "SubscriptionDeleteDiscountParams",
    "POST /v1/subscriptions/{id}/migrate": "SubscriptionMigrateParams",
    "POST /v1/subscriptions/{id}/pause": "SubscriptionPauseParams",
    "POST /v1/subscriptions/{id}/resume": "SubscriptionResumeParams",
    "POST /v1/test_helpers/customers/{id}/fund_cash_balance": (
        "test_helpers.CustomerFundCashBalanceParams"
    ),
    "GET /v1/tax_rates": "TaxRateListParams",
    "POST /v1/tax_rates": "TaxRateCreateParams",
    "GET /v1/tax_rates/{id}": "TaxRateRetrieveParams",
    "POST /v1/tax_rates/{id}": "TaxRateUpdateParams",
    "GET /v1/webhook_endpoints": "WebhookEndpointListParams",
    "POST /v1/webhook_endpoints": "WebhookEndpointCreateParams",
    "GET /v1/webhook_endpoints/{id}": "WebhookEndpointRetrieveParams",
    "POST /v1/webhook_endpoints/{id}": "WebhookEndpointUpdateParams",
    "DELETE /v1/webhook_endpoints/{id}": "WebhookEndpointDeleteParams",
    "GET /v1/test_helpers/test_clocks": "test_helpers.TestClockListParams",
    "POST /v1/test_helpers/test_clocks": "test_helpers.TestClockCreateParams",
    "GET /v1/test_helpers/test_clocks/{id}": "test_helpers.TestClockRetrieveParams",
    "DELETE /v1/test_helpers/test_clocks/{id}": "test_helpers.TestClockDeleteParams",
    "POST /v1/test_helpers/test_clocks/{id}/advance": "test_helpers.TestClockAdvanceParams",
}

PLAIN = {bool: "boolean", int: "integer", float: "number", Decimal: "decimal", str: "string"}


def schema_of(hint):
    """A type annotation as the validator's schema."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Required, typing.NotRequired):
        return schema_of(arguments[0])
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if origin is typing.Literal:
        return {"type": "enum", "values": [value for value in arguments if value != ""]} | (
            {"clears": True} if "" in arguments else {}
        )
    if origin in (list, typing.Sequence):
        return {"type": "list", "of": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "map", "of": schema_of(arguments[1])}
    if origin in (typing.Union, types.UnionType):
        return union_of(arguments)
    if typing_extensions.is_typeddict(hint):
        return {"type": "object", "fields": fields_of(hint)}
    if hint is typing.Any or hint is object:
        return {"type": "any"}
    raise TypeError(f"No schema for {hint!r}")


def union_of(arguments):
    """`Literal[...] | str` is an enum, `Dict | UntypedStripeObject` a map, `'' | X` clears X."""
    kept = [
        entry
        for entry in arguments
        if "UntypedStripeObject" not in repr(entry) and entry is not type(None)
    ]
    schemas = [schema_of(entry) for entry in kept]
    clears = any(schema.pop("clears", False) for schema in schemas)
    schemas = [schema for schema in schemas if schema != {"type": "enum", "values": []}]
    if any(schema["type"] == "enum" for schema in schemas):
        schemas = [schema for schema in schemas if schema["type"] != "string"]
    found = schemas[0] if len(schemas) == 1 else {"type": "union", "of": schemas}
    return {**found, "clears": True} if clears else found


def fields_of(cls):
    """A TypedDict's fields, without the SDK's own request options."""
    own = {
        name: hint
        for name, hint in cls.__annotations__.items()
        if name not in RequestOptions.__annotations__
    }
    bare = type(cls.__name__, (), {"__annotations__": own, "__module__": cls.__module__})
    fields = {}
    for name, hint in typing.get_type_hints(bare, include_extras=True).items():
        schema = schema_of(hint)
        if name in cls.__required_keys__:
            schema["required"] = True
        fields[name.rstrip("_") if name.endswith("_") else name] = schema
    return dict(sorted(fields.items()))


def generated():
    """The whole of parameters.json as text."""
    operations = {}
    for operation, name in OPERATIONS.items():
        module, _, cls = f"stripe.params.{name}".rpartition(".")
        found = getattr(importlib.import_module(module), cls)
        assert inspect.isclass(found)
        operations[operation] = fields_of(found)
    shared = SharedObjects()
    text = {operation: shared.fields(fields) for operation, fields in operations.items()}
    return json.dumps({"operations": text, "objects": shared.objects}, sort_keys=True) + "\n"


class SharedObjects:
    """Nested objects stand once in the file, however many operations take them."""

    def __init__(self):
        self.objects = {}
        self._names = {}

    def fields(self, fields):
        return {name: self.schema(schema) for name, schema in fields.items()}

    def schema(self, schema):
        schema = dict(schema)
        if schema["type"] == "object":
            schema["fields"] = self._name(self.fields(schema["fields"]))
        elif schema["type"] == "union":
            schema["of"] = [self.schema(entry) for entry in schema["of"]]
        elif "of" in schema:
            schema["of"] = self.schema(schema["of"])
        return schema

    def _name(self, fields):
        text = json.dumps(fields, sort_keys=True)
        if text not in self._names:
            self._names[text] = f"o{len(self._names)}"
            self.objects[self._names[text]] = fields
        return self._names[text]


if __name__ == "__main__":
    TARGET.write_text(generated())
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {len(OPERATIONS)} operations")
