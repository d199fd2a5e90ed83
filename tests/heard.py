"""Noting which of our signals are sent."""

from contextlib import ExitStack, contextmanager

from django.dispatch import Signal

from django_stripe_billing import signals

NAMES = [name for name, value in vars(signals).items() if isinstance(value, Signal)]


class Heard(list):
    """(name, arguments) of each signal, in order."""

    @property
    def names(self):
        return [name for name, _ in self]

    def of(self, *names):
        return [name for name in self.names if name in names]

    def last(self, name):
        return [given for own, given in self if own == name][-1]


@contextmanager
def listening():
    found = Heard()
    with ExitStack() as stack:
        for name in NAMES:

            def receive(sender, signal, name=name, **given):
                found.append((name, given))

            getattr(signals, name).connect(receive, weak=False)
            stack.callback(getattr(signals, name).disconnect, receive)
        yield found
