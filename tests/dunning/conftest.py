import pytest

from tests.heard import listening


@pytest.fixture
def heard():
    """The signals of dunning that were sent, in order: (name, arguments)."""
    with listening() as found:
        yield found
