"""Emptying the database after a test that commits, without Django's `flush`.

`flush` truncates each table, which takes a server ten milliseconds for each, and then makes all
permissions and content types anew. Most tables are empty, and those two are always the same.
"""

from django.db import connections, transaction
from django.test import TransactionTestCase

KEPT = {"auth_permission", "django_content_type", "django_migrations"}

_tables = {}
"""By database name."""


def install():
    """For all tests of this process."""
    TransactionTestCase._fixture_teardown = _empty_databases


def _empty_databases(case):
    for alias in case._databases_names(include_mirrors=False):
        _empty(connections[alias])


def _empty(connection):
    name = connection.settings_dict["NAME"]
    if name not in _tables:
        found = connection.introspection.django_table_names(only_existing=True, include_views=False)
        _tables[name] = [connection.ops.quote_name(table) for table in sorted({*found} - KEPT)]
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
    ):
        for table in _tables[name]:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - names of Django's own tables
