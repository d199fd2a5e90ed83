"""kill -9 at random moments, then --resume: the end is the same as that of an undisturbed run.

`python -m tests.reconcile.kills 20` kills the real command that often, each time on a database of
its own with drift of every kind, against a sandbox in another process.
"""

import random
import sys
import tempfile
import time

from .world import World, differences, runs_in, state_of

OPTIONS = ("--apply", "--events", "--verify-features", "20", "--rate", "100000", "--quiet")
DRIFT_LEFT = 1
"""The exit code of every complete run: some of the drift is for people."""


def kill_many(number, *, folder, subscriptions, seed=0, tell=lambda line: None):
    """Where a killed and resumed run ended otherwise than an undisturbed one; [] is right."""
    choice = random.Random(seed)
    wrong = []
    with World(folder, subscriptions=subscriptions) as world:
        database = world.copy("undisturbed")
        before, started = world.requests(), time.monotonic()
        code, _out, err = world.run(database, *OPTIONS)
        assert code == DRIFT_LEFT, (code, err)
        calls, seconds = world.requests() - before, time.monotonic() - started
        expected = state_of(database)
        tell(f"undisturbed: {calls} calls, {seconds:.1f} s, {len(expected['drift'])} drift")
        for turn in range(number):
            database = world.copy(f"killed{turn}")
            moments = []
            arguments = OPTIONS
            for _ in range(choice.choice([1, 1, 2])):
                moments.append(_kill(world, database, arguments, choice, calls=calls))
                arguments = ("--resume", "--quiet")
            code, _out, err = world.run(database, "--resume", "--quiet")
            if code == 2 and runs_in(database) == runs_in(world.template):
                code, _out, err = world.run(database, *OPTIONS)  # it was killed before it began
            elif code == 2 and "the last one was complete" in err:
                code = DRIFT_LEFT  # it had done all before it was killed
            found = differences(expected, state_of(database))
            if code != DRIFT_LEFT and not found:
                found = [f"exit code {code}: {err}"]
            tell(f"killed {', '.join(moments)}: {'; '.join(found) or 'the same end'}")
            wrong += found
    return wrong


def _kill(world, database, arguments, choice, *, calls):
    """Start the command, and kill it a random while after a random one of its calls."""
    call, pause = choice.randrange(calls + 1), choice.uniform(0, 0.15)
    before = world.requests()
    process = world.start(database, *arguments)
    while process.poll() is None and world.requests() - before < call:
        time.sleep(0.001)
    time.sleep(pause)
    process.kill()
    process.communicate()
    return f"{pause * 1000:.0f} ms after call {call}"


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        failures = kill_many(
            count,
            folder=folder,
            subscriptions=600,
            seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0,
            tell=lambda line: print(line, flush=True),
        )
    print(f"{count} kills, {len(failures)} other ends")
    sys.exit(1 if failures else 0)
