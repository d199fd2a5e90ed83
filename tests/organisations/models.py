"""A subscriber that is no user: an organisation, with members."""

from django.conf import settings
from django.db import models


class Organisation(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(blank=True, default="")
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="organisations")

    def __str__(self) -> str:
        return self.name
