from .generate_parameters import TARGET, generated


def test_the_parameters_are_those_of_the_installed_stripe_python():
    assert TARGET.read_text() == generated(), "run python -m tests.sandbox.generate_parameters"
