"""Random histories: people do things at the sandbox, and what is told of it arrives as it may.

Events are late, doubled, reordered or lost; other events are handled while a fetch waits; lists are
judged seconds after they were read; changes fall into one second. At the end the database must say
what the sandbox says, and grant what was paid for. `python -m tests.sync.histories 10000`.
"""
