from django_stripe_billing.connect import Split


def keep_ten_percent(request, subscriber, *, price, quantity):
    return Split(destination="acct_1Seller", application_fee_percent=10)
