"""`manage.py seed`: three teams and the people in them, for trying out."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from teams.models import Membership, Team
from teams.seeds import PASSWORD, TEAMS


class Command(BaseCommand):
    help = "Creates three teams, their members and an admin, all with the same password."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The password is public: this runs with DEBUG only.")
        users = get_user_model()
        if not users.objects.filter(username="admin").exists():
            users.objects.create_superuser("admin", "admin@example.com", PASSWORD)
        for name, members in TEAMS.items():
            team, _ = Team.objects.get_or_create(
                name=name, defaults={"email": f"{members[0]}@example.com"}
            )
            for number, username in enumerate(members):
                user = users.objects.filter(username=username).first()
                if user is None:
                    user = users.objects.create_user(username, f"{username}@example.com", PASSWORD)
                role = Membership.Role.OWNER if number == 0 else Membership.Role.MEMBER
                Membership.objects.get_or_create(team=team, user=user, defaults={"role": role})
        self.stdout.write("Seeded: ada, grace and linus own a team each, charles is a member.")
