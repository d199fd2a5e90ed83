"""`python -m demo` tells the story and ends; `python -m demo serve` leaves everything running."""

from __future__ import annotations

import sys

from .stage import Stage

LOGINS = (
    "ada, grace and linus (each owns a team), charles (a member of Ada's), admin;"
    " the password is sandbox-only"
)


def main(arguments: list[str]) -> int:
    stage = Stage()
    try:
        if arguments == ["serve"]:
            serve(stage)
        else:
            from .story import Story

            Story(stage).tell()
    except AssertionError as error:
        print(f"\n✗ {error}", file=sys.stderr)
        print(f"\nThe site's log:\n{stage.log('site')[-3000:]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        stage.close()
    return 0


def serve(stage: Stage) -> None:
    """Set everything up, print where it is, and wait for Ctrl-C."""
    stage.manage("migrate", "--verbosity", "0")
    stage.manage("seed")
    stage.open()
    stage.manage("push_catalog", "plans.toml")
    print(f"Site     {stage.site}/")
    print(f"Admin    {stage.site}/admin/")
    print(f"Sandbox  {stage.sandbox}/   (what Stripe has seen, and whether the webhooks arrived)")
    print(f"Sign in  {LOGINS}")
    print("Cards    4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined")
    print("\nCtrl-C stops everything; nothing is kept.", flush=True)
    stage.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
