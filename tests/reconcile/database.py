"""Looking at a run, and at everything that it may have written."""

from django.core import serializers

from django_stripe_billing import models


def kinds(report):
    return {entry.kind for entry in report.drift}


def database():
    """Every row of ours but the record of the run itself, as text."""
    return [
        serializers.serialize("json", getattr(models, name).objects.order_by("pk"))
        for name in models.__all__
        if name not in {"SourceKind", "Drift", "ReconcileRun", "ReconcileWindow"}
    ]
