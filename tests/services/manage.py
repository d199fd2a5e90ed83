"""manage.py of the project that the workers run, with leases of seconds instead of minutes."""

import sys
from datetime import timedelta

import django
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    django.setup()
    from django_stripe_billing.reconcile import windows

    windows.LEASE = timedelta(seconds=4)
    execute_from_command_line(sys.argv)
