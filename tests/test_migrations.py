"""The tables come from nothing, go back to nothing, and are what the models say."""

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from django_stripe_billing.models import Customer


def tables():
    found = connection.introspection.table_names()
    return {name for name in found if name.startswith("stripe_billing_")}


def test_no_migration_is_missing(db):
    call_command("makemigrations", "--check", "--dry-run")


@pytest.mark.django_db(transaction=True)
def test_the_tables_come_and_go_and_come_again(subscriber):
    models = apps.get_app_config("stripe_billing").get_models(include_auto_created=True)
    wanted = {model._meta.db_table for model in models}
    assert tables() == wanted
    try:
        call_command("migrate", "stripe_billing", "zero", verbosity=0)
        assert tables() == set()
    finally:
        call_command("migrate", "stripe_billing", verbosity=0)
    assert tables() == wanted
    assert Customer.objects.create(stripe_id="cus_1", subscriber=subscriber).pk
