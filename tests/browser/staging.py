"""Stages set anew for each test: the same processes, another database, an empty sandbox."""

import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "example_project"))

from demo.stage import Stage
from demo.visitor import Visitor

SUPPORT = """
from django.contrib.auth.models import Permission, User
user = User.objects.create_user("support", password="sandbox-only", is_staff=True)
user.user_permissions.set(Permission.objects.filter(
    content_type__app_label="stripe_billing", codename__startswith="view_"))
"""
"""Somebody of the staff who may look at everything, and do nothing."""


def seeded(path):
    """Write a database with people in it to `path`, to be copied: migrating takes its time."""
    stage = Stage()
    try:
        stage.manage("migrate", "--verbosity", "0")
        stage.manage("seed")
        stage.manage("shell", "--command", SUPPORT)
        shutil.copy(stage.folder / "demo.sqlite3", path)
    finally:
        stage.close()
    return path


class Theatre:
    """Gives a stage for each test, and starts its processes only when it must."""

    def __init__(self, database, **environment):
        self._database, self._environment = database, environment
        self._stage = None

    def set_up(self):
        """A stage with the plans pushed, where nothing has happened yet."""
        if self._stage is not None and self._may_be_used_again():
            self._stage.operate("reset")
            self._copy()
        else:
            self.close()
            self._stage = Stage()
            self._stage.environment.update(self._environment)
            self._copy()
            self._stage.open()
        self._stage.manage("push_catalog", "plans.toml")
        return self._stage

    def close(self):
        if self._stage is not None:
            self._stage.close()
            self._stage = None

    def _may_be_used_again(self):
        """The sandbox's clock can't be put back."""
        self._stage.operate("mend")
        self._stage.operate("hold", holding=False)
        is_idle = self._stage.operate("wait")["idle"]
        now = self._stage.operate("advance", seconds=0)["now"]
        return is_idle and abs(now - time.time()) < 60

    def _copy(self):
        for ending in ("-wal", "-shm"):
            Path(self._stage.folder, f"demo.sqlite3{ending}").unlink(missing_ok=True)
        shutil.copy(self._database, self._stage.folder / "demo.sqlite3")


def with_drift(stage):
    """Two teams have a plan; of one that ended, and of one that began, we never heard.

    Returns the visitors who are let in and have not paid, and the other way round.
    """
    ada, grace, linus = (Visitor(stage.site, name) for name in ("ada", "grace", "linus"))
    for buyer, price in ((ada, "team_monthly"), (linus, "starter_monthly")):
        buyer.pay(buyer.start_checkout(price))
    stage.operate("wait")
    stage.manage("reconcile_entitlements")
    _newest, older = stage.stripe("GET", "/v1/subscriptions")["data"]
    stage.operate("hold", holding=True)
    stage.stripe("DELETE", f"/v1/subscriptions/{older['id']}")
    grace.pay(grace.start_checkout("starter_monthly"))
    stage.operate("drop")
    stage.operate("hold", holding=False)
    stage.manage("reconcile_entitlements", expected=1)
    assert ada.may_read_reports() and not grace.may_read_reports()
    return ada, grace
