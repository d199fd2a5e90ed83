"""`python -m tests.sync.histories 10000` plays that many histories, half of them with losses."""

import os
import sys
import time


def main(count):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    from .playing import play_many

    setup_test_environment()  # collects what would be mailed
    settings.DEBUG = False
    databases = setup_databases(verbosity=0, interactive=False)
    failed = 0
    try:
        for first, loss in ((0, 0.0), (1_000_000, 0.4)):
            started = time.monotonic()
            title = f"{connection.vendor}, {loss:.0%} lost"
            divergences, counted = play_many(
                count // 2, loss=loss, first=first, progress=Progress(title, count // 2)
            )
            failed += len(divergences)
            print(
                f"\r{title}: {count // 2:,} histories, {len(divergences)} divergences,"
                f" {time.monotonic() - started:.0f} s ("
                + ", ".join(f"{number:,} {name}" for name, number in sorted(counted.items()))
                + ")"
            )
            for line in divergences[:10]:
                print("  ", line)
    finally:
        teardown_databases(databases, verbosity=0)
    return 1 if failed else 0


class Progress:
    """One line that grows, on a terminal; a line now and then elsewhere."""

    def __init__(self, title, count):
        self.title, self.count = title, count
        self.is_terminal = sys.stdout.isatty()
        self.told_at = time.monotonic()

    def __call__(self, played):
        pause = 0.2 if self.is_terminal else 30
        if time.monotonic() - self.told_at < pause:
            return
        self.told_at = time.monotonic()
        line = f"{self.title}: {played:,} of {self.count:,}"
        print(f"\r{line}" if self.is_terminal else line, end="" if self.is_terminal else "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
