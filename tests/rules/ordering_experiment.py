"""Random histories of one object, judged by the ordering rule itself, without a database.

Changes happen at random moments, often several within one second. Their events are late, doubled,
reordered or lost; pages of a list are judged seconds after they were read; fetches take time and
overlap with all of that. What is stored in the end must be the last change.

`python -m tests.rules.ordering_experiment 100000` plays more of them.
"""

import heapq
import itertools
import math
import random
import sys

from django_stripe_billing.rules.ordering import (
    NEVER,
    Verdict,
    join,
    judge,
    of_answer,
    of_event,
)

START = 1000


def last_created_wins(*, stored, new, same_content):
    """The rule that most packages have, to show that the experiment can fail."""
    return Verdict.NEWER if new.high >= stored.high else Verdict.STALE


class History:
    """One object at Stripe, its stored version, and what is still to come."""

    def __init__(self, *, seed, loss, rule):
        self.random = random.Random(seed)
        self.rule = rule
        self.queue, self.ties = [], itertools.count()
        self.stored, self.version, self.revision = NEVER, 0, 0
        self.fetches = 0
        self.changes, moment = [], START + self.random.random()
        for version in range(1, self.random.randint(1, 6) + 1):
            self.changes.append((moment, version))
            step = self.random.choice([0.0005, 0.01, 0.2, 0.6, 1.1, 3])
            moment += step * self.random.random() * 2
        for when, version in self.changes:
            if self.random.random() < loss:
                continue
            for _copy in range(1 + (self.random.random() < 0.3)):
                late = self.random.choice([0.001, 0.05, 0.5, 2, 10]) * self.random.random()
                self.at(when + late, self.arrive, of_event(math.floor(when)), version)
        for _page in range(self.random.randint(0, 2)):
            self.at(START + self.random.random() * (moment - START + 3), self.page)
        if loss:
            self.at(moment + 20, self.page)

    def at(self, when, action, *arguments):
        heapq.heappush(self.queue, (when, next(self.ties), action, arguments))

    def play(self):
        while self.queue:
            self.now, _, action, arguments = heapq.heappop(self.queue)
            action(*arguments)
        return self.version == self.changes[-1][1]

    def at_stripe(self, when):
        return max((version for moment, version in self.changes if moment <= when), default=0)

    def write(self, interval, version):
        self.stored, self.version = interval, version
        self.revision += 1

    def arrive(self, interval, version, attempt=0):
        verdict = self.rule(stored=self.stored, new=interval, same_content=version == self.version)
        if verdict is Verdict.NEWER:
            self.write(interval, version)
        elif verdict is Verdict.AMBIGUOUS:
            self.fetch(attempt)

    def fetch(self, attempt):
        assert attempt < 50, "it never settles"
        self.fetches += 1
        latency = self.random.choice([0.01, 0.1, 0.5, 1.5, 4]) * self.random.random()
        read_at = self.now + latency * self.random.random()
        self.at(self.now + latency, self.fetched, self.now, read_at, self.revision, attempt)

    def fetched(self, started, read_at, revision, attempt):
        interval = of_answer(date=math.floor(self.now), elapsed=self.now - started)
        version = self.at_stripe(read_at)
        if revision == self.revision:
            self.write(join(self.stored, interval), version)
        else:
            self.arrive(interval, version, attempt + 1)

    def page(self):
        latency = self.random.choice([0.05, 0.5, 2]) * self.random.random()
        read_at = self.now + latency * self.random.random()
        self.at(self.now + latency, self.page_arrived, self.now, read_at)

    def page_arrived(self, started, read_at):
        interval = of_answer(date=math.floor(self.now), elapsed=self.now - started)
        later = self.now + self.random.random() * 2
        self.at(later, self.arrive, interval, self.at_stripe(read_at))


def divergences(count, *, loss, rule=judge):
    """How many of the histories end in another version than Stripe's, and the fetches of all."""
    diverged = fetches = 0
    for seed in range(count):
        history = History(seed=seed, loss=loss, rule=rule)
        diverged += not history.play()
        fetches += history.fetches
    return diverged, fetches


def main(count):
    failed = 0
    for loss in (0.0, 0.4):
        diverged, fetches = divergences(count, loss=loss)
        failed += diverged
        print(
            f"loss {loss:.0%}: {diverged} divergences in {count:,} histories, {fetches:,} fetches"
        )
    naive, _ = divergences(count, loss=0.0, rule=last_created_wins)
    print(f"`last created wins`, for comparison: {naive:,} divergences")
    return 1 if failed or not naive else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
