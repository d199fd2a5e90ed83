"""A plans file is checked before anything is sent; each problem names its place and its mend."""

import pytest
from django.core.management import CommandError, call_command

from django_stripe_billing.catalog import PlanFileError
from django_stripe_billing.catalog.plan_file import read_plans

from .conftest import PLANS


@pytest.fixture
def problems(tmp_path):
    def problems(text):
        path = tmp_path / "plans.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(PlanFileError) as failure:
            read_plans(path)
        return failure.value.problems

    return problems


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("unit_amount = 2000", "unit_amount = 20.00", "minor unit as a whole number"),
        ("unit_amount = 2000", "unit_amount = -1", "out of bounds"),
        ("unit_amount = 2000", 'unit_amount = "2000"', "minor unit"),
        ("unit_amount = 2000\n", "", "unit_amount: is missing"),
        ("unit_amount = 2000", "unit_amount = true", "is a boolean"),
        ('currency = "usd"\ninterval', 'currency = "USD"\ninterval', 'Write "usd"'),
        ('currency = "usd"\ninterval', 'currency = "dollars"\ninterval', "ISO code"),
        (
            'interval = "month"\nquantity',
            'interval = "monthly"\nquantity',
            "day, week, month, year",
        ),
        ("quantity_max = 10", "quantity_max = 0", "out of bounds"),
        ("quantity_max = 10", "quantity_max = 2\nquantity_min = 3", "less than quantity_min"),
        ("quantity_max = 10", "quantity_maks = 10", "Did you mean quantity_max?"),
        ("trial_days = 14", "trial_days = 5000", "out of bounds"),
        ('interval = "month"\ntrial_days = 14', "trial_days = 14", "paid once"),
        ('interval = "month"\ntrial_days = 14', "trial_without_card = true", "paid once"),
        ("trial_days = 14", "trial_without_card = true", "there is none"),
        ("trial_days = 14", 'trial_days = 14\ntrial_without_card = "yes"', "true or false"),
        ("trial_days = 14", 'trial_days = 14\ntrial_end = "pause"', "trials without a card"),
        (
            "trial_days = 14",
            'trial_days = 14\ntrial_without_card = true\ntrial_end = "stop"',
            "cancel, pause, create_invoice",
        ),
        ("grace_days = 4", "grace_days = 4\naccess_days = 0", "out of bounds"),
        ('name = "Starter"', 'name = "Starter"\naccess_days = 30', "counts for what is paid once"),
        ('features = ["reports"]', 'features = ["report"]', '"report" is no feature'),
        ('features = ["reports"]', 'features = "reports"', "Write a list of texts"),
        ('features = ["reports"]', 'features = ["reports", "reports"]', "twice"),
        ('"5 per unit"', '"lots"', "is no limit"),
        ('"5 per unit"', "-1", "is no limit"),
        ('"5 per unit"', "1.5", "is no limit"),
        ("limits.seats", "limits.reprots", "does not include"),
        ('combine = "sum"', 'combine = "add"', "max, sum"),
        ("starter_monthly", "pro_monthly", "A lookup key names one price"),
        ('name = "Pro"\n', "", "name: is missing"),
        ('name = "Pro"', 'name = " "', "is blank"),
        ('name = "Pro"', 'name = ["Pro"]', "is of a wrong type"),
        ("[products.starter]", "[products.'sta rter']", "no usable key"),
        ("[features.reports]", "[feature.reports]", "Did you mean features?"),
        ("grace_days = 4", "grace_days = 4\nactive = 1", "true or false without quotes"),
    ],
)
def test_a_problem_names_its_place_and_what_to_write(problems, old, new, expected):
    assert PLANS.count(old) >= 1
    found = problems(PLANS.replace(old, new, 1))
    assert expected in "\n".join(found)
    assert all(problem.startswith("plans.toml: ") for problem in found)


def test_all_problems_are_told_at_once(problems):
    text = PLANS.replace("2000", '"2000"').replace('"usd"', '"usx"').replace("sum", "plus")
    assert len(problems(text)) >= 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        ("features = [", "is not valid TOML"),
        ("features = 3", "Write a table: [features]"),
        ("[products]\npro = 3", "Write a table: [products.pro]"),
        ("[features]\n'' = {}", "no usable key"),
    ],
)
def test_a_file_that_is_none_says_so(problems, text, expected):
    assert expected in "\n".join(problems(text))


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(PlanFileError, match="can't be read"):
        read_plans(tmp_path / "none.toml")
    with pytest.raises(PlanFileError, match="can't be read"):
        read_plans(tmp_path)


def test_an_empty_file_asks_for_nothing(tmp_path):
    path = tmp_path / "plans.toml"
    path.write_text("")
    assert read_plans(path).products == ()


def test_the_command_sends_nothing_of_a_bad_file(tmp_path, stripe_sandbox, db):
    path = tmp_path / "plans.toml"
    path.write_text(PLANS.replace("2000", "-5"))
    with pytest.raises(CommandError, match="Nothing was sent to Stripe"):
        call_command("push_catalog", str(path))
    assert stripe_sandbox.engine.requests == []


def test_limits_fit_into_what_stripe_keeps(problems):
    long = "x" * 60
    text = PLANS.replace("seats", long)
    assert "too long for Stripe's metadata" in "\n".join(problems(text))


ONCE = """
[features.export]
[products.pass]
name = "Pass"
features = ["export"]
access_days = 30

[products.pass.prices.pass]
unit_amount = 1000
currency = "usd"
quantity_max = 12

[products.plan]
name = "Plan"
features = ["export"]

[products.plan.prices.plan]
unit_amount = 500
currency = "usd"
interval = "month"
trial_days = 7
trial_without_card = true
trial_end = "pause"
"""


def test_the_terms_of_what_is_paid_once_and_of_trials_are_metadata(tmp_path):
    path = tmp_path / "plans.toml"
    path.write_text(ONCE)
    once, plan = read_plans(path).products
    assert once.metadata == {"catalog_key": "pass", "access_days": "30"}
    [price] = once.prices
    assert (price.interval, price.interval_count) == ("", 0)
    [price] = plan.prices
    assert price.metadata == {
        "catalog_key": "plan",
        "trial_days": "7",
        "trial_without_card": "true",
        "trial_end": "pause",
    }
