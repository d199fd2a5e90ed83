"""Playing many histories."""

from .world import World

PER_WORLD = 8
"""Histories that share a sandbox and its catalog, and so get into each other's way."""


def play_many(count, *, loss, first=0, progress=lambda played: None):
    """Play histories; returns (the divergences, what was counted)."""
    divergences, counted = [], {}
    for start in range(0, count, PER_WORLD):
        world = World(seed=first + start, customers=min(PER_WORLD, count - start), loss=loss)
        divergences += [f"seed {first + start}: {line}" for line in world.play()]
        for name, number in world.counted.items():
            counted[name] = counted.get(name, 0) + number
        progress(min(start + PER_WORLD, count))
    return divergences, counted
