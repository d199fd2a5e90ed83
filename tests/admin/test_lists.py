"""Lists of many rows: counted up to a limit, searched by index, filtered without reading rows."""

import csv
import io

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from django_stripe_billing.admin import exporting, inspecting, listing, searching
from django_stripe_billing.models import Customer, Drift, Event, ReconcileRun, Subscription
from tests.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


def url(name):
    return reverse(f"admin:stripe_billing_{name}_changelist")


@pytest.fixture
def customers(db):
    return [
        Customer.objects.create(
            stripe_id=f"cus_{number}", email=f"p{number}@example.com", name=f"Person {number}"
        )
        for number in range(1, 13)
    ]


def rows(answer):
    return [row.stripe_id for row in answer.context["cl"].result_list]


# Counting


@pytest.mark.parametrize(("most", "told"), [(10, "≥10 customers"), (12, "12 customers")])
def test_more_rows_than_are_counted_are_told_as_at_least(admin, customers, monkeypatch, most, told):
    monkeypatch.setattr(listing, "MOST_COUNTED", most)
    answer = admin.get(url("customer"))
    assert told in answer.text
    assert len(rows(answer)) == 12


def test_pages_end_where_counting_ends(admin, customers, monkeypatch):
    monkeypatch.setattr(listing, "MOST_COUNTED", 10)
    monkeypatch.setattr(inspecting.InspectingAdmin, "list_per_page", 5)
    assert "?p=2" in admin.get(url("customer")).text
    assert "?p=3" not in admin.get(url("customer")).text
    assert len(rows(admin.get(url("customer"), {"p": 2}))) == 5


def test_the_number_at_least_is_written_in_groups(settings):
    from django.utils.formats import localize

    settings.USE_THOUSAND_SEPARATOR = True
    settings.LANGUAGE_CODE = "en"
    assert localize(listing.AtLeast(10_000)) == "≥10,000"
    settings.USE_THOUSAND_SEPARATOR = False
    assert localize(listing.AtLeast(10_000)) == "≥10000"


def test_no_list_counts_all_rows(admin, customers):
    with statements() as asked:
        admin.get(url("customer"))
    counts = [sql for sql in asked if "COUNT(" in sql]
    assert len(counts) == 1
    assert "LIMIT 10001" in counts[0]


# Searching


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("cus_1", ["cus_1"]),
        ("cus", []),  # an id is found as a whole
        ("p1@", ["cus_1"]),
        ("P1@EXAMPLE.COM", ["cus_1"]),
        ("Person 1", ["cus_12", "cus_11", "cus_10", "cus_1"]),
        (" p2@example.com ", ["cus_2"]),
        ("sub_of_7", ["cus_7"]),
        ("nobody", []),
    ],
)
def test_a_large_table_is_searched_by_what_begins_so(admin, customers, monkeypatch, term, found):
    monkeypatch.setattr(searching, "LARGE", 0)
    Subscription.objects.create(
        stripe_id="sub_of_7",
        customer=customers[6],
        status="active",
        stripe_created_at=customers[6].created_at,
    )
    assert rows(admin.get(url("customer"), {"q": term})) == found


def test_a_small_table_is_searched_by_what_contains_it_too(admin, customers):
    assert len(rows(admin.get(url("customer"), {"q": "example.com"}))) == 12
    assert rows(admin.get(url("customer"), {"q": "erson 12"})) == ["cus_12"]
    assert rows(admin.get(url("customer"), {"q": "cus_1"})) == ["cus_1"]


def test_more_than_a_search_finds_is_told(admin, customers, monkeypatch):
    monkeypatch.setattr(searching, "MOST_FOUND", 3)
    answer = admin.get(url("customer"), {"q": "Person"})
    assert len(rows(answer)) == 3
    assert "More than 3 rows begin so" in answer.text
    assert "begin so" not in admin.get(url("customer"), {"q": "Person 2"}).text


def test_a_search_keeps_to_the_filters(admin, customers):
    Customer.objects.filter(stripe_id="cus_1").update(is_deleted=True)
    found = admin.get(url("customer"), {"q": "Person 1", "is_deleted__exact": 1})
    assert rows(found) == ["cus_1"]


# Filters


def test_a_filter_offers_what_stripe_has_and_what_was_asked_for(admin, customers):
    with statements() as asked:
        text = admin.get(url("event"), {"type__exact": "invoice.odd"}).text
    assert "?type__exact=invoice.paid" in text
    assert "?type__exact=invoice.odd" in text
    assert not [sql for sql in asked if "DISTINCT" in sql]


@pytest.mark.parametrize("name", ["subscription", "invoice", "payment", "event", "checkoutsession"])
def test_no_filter_reads_all_rows(admin, db, name):
    with statements() as asked:
        assert admin.get(url(name)).status_code == 200
    assert not [sql for sql in asked if "DISTINCT" in sql]


def test_a_filter_by_status_filters(admin, db):
    for number, status in enumerate(["failed", "processed"]):
        Event.objects.create(stripe_id=f"evt_{number}", type="x.y", payload={}, status=status)
    assert rows(admin.get(url("event"), {"status__exact": "failed"})) == ["evt_0"]
    assert rows(admin.get(url("event"), {"type__exact": "x.y"})) == ["evt_1", "evt_0"]


def test_drift_of_the_newest_run_comes_first(admin, db):
    for _ in range(2):
        run = ReconcileRun.objects.create()
        Drift.objects.create(run=run, kind="entitlement_missing", object_id="sub_1")
    found = admin.get(url("drift")).context["cl"].result_list
    assert [row.run_id for row in found] == [run.pk, run.pk - 1]


# A page, a file


def test_a_page_shows_the_first_of_many_related_rows(admin, customers, monkeypatch):
    monkeypatch.setattr(inspecting, "MOST_INLINE", 3)
    for number in range(5):
        Subscription.objects.create(
            stripe_id=f"sub_{number}",
            customer=customers[0],
            status="active",
            stripe_created_at=customers[0].created_at,
        )
    path = reverse("admin:stripe_billing_customer_change", args=[customers[0].pk])
    assert admin.get(path).text.count("field-stripe_created_at") == 3


@pytest.mark.parametrize("chunk", [5, 6, 100])
def test_an_export_is_read_in_chunks_and_counted_when_it_ends(admin, customers, monkeypatch, chunk):
    monkeypatch.setattr(exporting, "CHUNK", chunk)
    data = {"action": "export_csv", "select_across": 1, "_selected_action": [customers[0].pk]}
    answer = admin.post(url("customer"), data)
    assert LogEntry.objects.get().change_message == "Export as CSV: begun"
    text = b"".join(answer.streaming_content).decode()
    found = [row["stripe_id"] for row in csv.DictReader(io.StringIO(text))]
    assert found == [row.stripe_id for row in customers]
    assert LogEntry.objects.get().change_message == "Export as CSV: 12 rows"


def test_the_log_says_how_many_rows_somebody_took_who_went_away(admin, customers):
    data = {"action": "export_csv", "_selected_action": [row.pk for row in customers]}
    answer = admin.post(url("customer"), data)
    lines = iter(answer.streaming_content)
    for _ in range(3):
        next(lines)
    answer._iterator.close()
    assert LogEntry.objects.get().change_message == "Export as CSV: 2 rows"
