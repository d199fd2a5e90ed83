"""What a team may do before and after it has bought a plan."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from teams.models import Team
from teams.seeds import PASSWORD


def signed_in(username):
    client = Client()
    client.force_login(get_user_model().objects.get(username=username))
    return client


@pytest.fixture
def ada(shop):
    """Owns Analytical Engines, and is a member of Cobol Works."""
    return signed_in("ada")


def buy(shop, client, price, quantity=1):
    answer = client.post("/billing/checkout/", {"price": price, "quantity": quantity})
    assert answer.status_code == 303
    shop.pay(answer["Location"])
    assert set(shop.deliver()) == {200}


def test_the_pricing_page_is_drawn_from_the_catalog(shop):
    page = Client().get("/billing/pricing/").content.decode()
    for part in ("Starter", "$9.00", "Team", "$29.00", "Seats: 5 per unit", "Ledgerly"):
        assert part in page
    yearly = Client().get("/billing/pricing/", {"interval": "year-1"}).content.decode()
    assert "$290.00" in yearly and "Save 16 %" in yearly


def test_without_plans_the_pricing_page_says_what_to_run(db):
    assert "push_catalog" in Client().get("/billing/pricing/").content.decode()


def test_what_is_not_there_is_said_in_the_frame_of_the_site(ada):
    answer = ada.get("/billing/invoices/in_of_somebody_else/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_a_plan_opens_its_features_in_views_api_and_templates(shop, ada):
    assert ada.get("/reports/").status_code == 403
    assert ada.get("/api/reports/").json()["detail"]
    assert "Reports" not in ada.get("/team/").content.decode()
    buy(shop, ada, "starter_monthly")
    assert ada.get("/reports/").status_code == 200
    assert ada.get("/api/reports/").status_code == 403
    assert "Reports" in ada.get("/team/").content.decode()
    buy(shop, ada, "team_monthly")
    assert "January" in ada.get("/api/reports/").json()["figures"]


def test_the_team_pays_and_its_members_use_it(shop, ada):
    buy(shop, ada, "starter_monthly")
    assert signed_in("charles").get("/reports/").status_code == 200
    assert signed_in("linus").get("/reports/").status_code == 403


def test_only_an_owner_buys_and_manages(shop):
    charles = signed_in("charles")
    assert charles.post("/billing/checkout/", {"price": "starter_monthly"}).status_code == 403
    assert charles.post("/billing/portal/").status_code == 403
    assert charles.post("/team/add/", {"username": "linus"}).status_code == 403


def test_somebody_in_two_teams_acts_for_the_one_that_they_chose(shop, ada):
    buy(shop, ada, "starter_monthly")
    other = Team.objects.get(name="Cobol Works")
    assert ada.post("/team/switch/", {"team": other.pk}).status_code == 302
    assert ada.get("/reports/").status_code == 403
    assert ada.post("/billing/checkout/", {"price": "starter_monthly"}).status_code == 403


@pytest.mark.parametrize("team", ["", "0", "-1", "x", "\0", "9" * 40, "٣"])
def test_a_team_that_one_is_not_in_cannot_be_chosen(shop, ada, team):
    foreign = Team.objects.get(name="Kernel Yard")
    assert ada.post("/team/switch/", {"team": foreign.pk}).status_code == 404
    assert ada.post("/team/switch/", {"team": team}).status_code == 404


def add(client, username):
    return client.post("/team/add/", {"username": username}, follow=True).content.decode()


def test_seats_are_as_many_as_the_plan_has(shop, ada):
    assert "All 1 seats are taken" in add(ada, "linus")
    buy(shop, ada, "starter_monthly")
    assert "linus is in the team" in add(ada, "linus")
    assert "All 3 seats are taken" in add(ada, "grace")
    buy(shop, ada, "team_monthly", quantity=2)
    assert "grace is in the team" in add(ada, "grace")
    assert "is in the team already" in add(ada, "grace")
    for username in ("nobody", "", "\0"):
        assert "There is no user" in add(ada, username)


def test_billing_pages_have_the_brand_of_the_site(shop, ada):
    for path in ("/billing/", "/billing/pricing/", "/billing/invoices/", "/reports/"):
        page = ada.get(path)
        assert "teams/site.css" in page.content.decode()
        assert "'unsafe-inline'" not in page["Content-Security-Policy"]


def test_seats_in_use_are_shown_and_kept(shop, ada):
    buy(shop, ada, "team_monthly")
    add(ada, "linus")
    assert "3 of 5" in ada.get("/billing/").content.decode()
    answer = ada.get("/billing/change/", {"price": "starter_monthly", "quantity": 1})
    assert answer.status_code == 200  # three seats are enough
    add(ada, "grace")
    answer = ada.get("/billing/change/", {"price": "starter_monthly", "quantity": 1})
    assert answer.status_code == 400
    assert "4 seats are in use" in answer.content.decode()


def test_visitors_sign_in_first(shop):
    for path in ("/team/", "/reports/"):
        answer = Client().get(path)
        assert answer["Location"].startswith("/accounts/login/")
    assert Client().get("/api/reports/").status_code == 403


def test_the_seeds_are_for_development_only(seeded):
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match="DEBUG only"):
        call_command("seed")


def test_the_schema_is_whole(db, tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(tmp_path / "schema.yml"))
    assert b"/api/billing/checkout/" in Client().get("/api/schema/").content


def test_a_program_acts_with_a_token_of_its_own(shop):
    answer = Client().post("/api/token/", {"username": "ada", "password": PASSWORD})
    program = Client(headers={"Authorization": f"Token {answer.json()['token']}"})
    checkout = program.post("/api/billing/checkout/", {"price": "team_monthly", "quantity": 2})
    shop.pay(checkout.json()["url"])
    assert set(shop.deliver()) == {200}
    assert program.get("/api/billing/status/").json()["active"] is True
    assert program.get("/api/reports/").status_code == 200
    assert Client().get("/api/billing/status/").status_code == 403
