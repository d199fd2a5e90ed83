import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

# As in the settings: the model that pays, by default the user.
SUBSCRIBER_MODEL = getattr(
    settings, "STRIPE_BILLING_SUBSCRIBER_MODEL", settings.AUTH_USER_MODEL
)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(SUBSCRIBER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stripe_id', models.CharField(max_length=255, unique=True, verbose_name='Stripe id')),
                ('account', models.CharField(blank=True, default='', max_length=255, verbose_name='account')),
                ('type', models.CharField(db_index=True, max_length=255, verbose_name='type')),
                ('api_version', models.CharField(blank=True, default='', max_length=64, verbose_name='API version')),
                ('livemode', models.BooleanField(default=False, verbose_name='live mode')),
                ('stripe_created_at', models.DateTimeField(blank=True, null=True, verbose_name='created in Stripe')),
                ('object_id', models.CharField(blank=True, db_index=True, default='', max_length=255, verbose_name='object')),
                ('customer_id', models.CharField(blank=True, db_index=True, default='', max_length=255, verbose_name='customer')),
                ('payload', models.JSONField(verbose_name='payload')),
                ('status', models.CharField(choices=[('processed', 'processed'), ('stale', 'stale: something newer was known'), ('ignored', 'ignored: nothing to do for this type'), ('failed', 'failed: Stripe will send it again'), ('rejected', 'rejected: wrong mode')], db_index=True, max_length=16, verbose_name='status')),
                ('note', models.TextField(blank=True, default='', verbose_name='note')),
                ('error', models.TextField(blank=True, default='', verbose_name='error')),
                ('attempts', models.PositiveIntegerField(default=1, verbose_name='attempts')),
                ('received_at', models.DateTimeField(auto_now_add=True, verbose_name='received')),
                ('processed_at', models.DateTimeField(blank=True, null=True, verbose_name='processed')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'ordering': ['-pk'],
                'permissions': [('process_event', 'Can process an event again')],
            },
        ),
        migrations.CreateModel(
            name='Product',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(blank=True, default='', help_text='The connected account that owns the object; empty for the platform.', max_length=64, verbose_name='account')),
                ('observed_low', models.BigIntegerField(default=-1, editable=False, help_text="Contains every change before this second of Stripe's clock.", verbose_name='observed from')),
                ('observed_high', models.BigIntegerField(default=-1, editable=False, help_text="Contains no change after this second of Stripe's clock.", verbose_name='observed until')),
                ('revision', models.PositiveIntegerField(default=0, editable=False, help_text='Grows with each write.', verbose_name='revision')),
                ('stripe_id', models.CharField(max_length=255, verbose_name='Stripe id')),
                ('name', models.TextField(blank=True, default='', verbose_name='name')),
                ('description', models.TextField(blank=True, default='', verbose_name='description')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('is_deleted', models.BooleanField(default=False, verbose_name='deleted')),
                ('metadata', models.JSONField(blank=True, default=dict, verbose_name='metadata')),
            ],
            options={
                'verbose_name': 'product',
                'verbose_name_plural': 'products',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='Customer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(blank=True, default='', help_text='The connected account that owns the object; empty for the platform.', max_length=64, verbose_name='account')),
                ('observed_low', models.BigIntegerField(default=-1, editable=False, help_text="Contains every change before this second of Stripe's clock.", verbose_name='observed from')),
                ('observed_high', models.BigIntegerField(default=-1, editable=False, help_text="Contains no change after this second of Stripe's clock.", verbose_name='observed until')),
                ('revision', models.PositiveIntegerField(default=0, editable=False, help_text='Grows with each write.', verbose_name='revision')),
                ('stripe_id', models.CharField(blank=True, help_text='cus_…; empty while the customer is being created in Stripe.', max_length=255, null=True, verbose_name='Stripe id')),
                ('binding_key', models.UUIDField(default=uuid.uuid4, editable=False, help_text='The idempotency key under which the customer is created in Stripe.', unique=True, verbose_name='binding key')),
                ('email', models.CharField(blank=True, default='', max_length=512, verbose_name='e-mail')),
                ('name', models.CharField(blank=True, default='', max_length=256, verbose_name='name')),
                ('livemode', models.BooleanField(default=False, verbose_name='live mode')),
                ('is_deleted', models.BooleanField(default=False, help_text='Deleted in Stripe; never comes back.', verbose_name='deleted')),
                ('test_clock_id', models.CharField(blank=True, default='', max_length=255, verbose_name='test clock')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('subscriber', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='stripe_customers', to=SUBSCRIBER_MODEL, verbose_name='subscriber')),
            ],
            options={
                'verbose_name': 'customer',
                'verbose_name_plural': 'customers',
                'ordering': ['-pk'],
                'permissions': [('sync_customer', 'Can sync a customer from Stripe')],
            },
        ),
        migrations.CreateModel(
            name='CheckoutSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(blank=True, default='', max_length=64, verbose_name='account')),
                ('stripe_id', models.CharField(blank=True, max_length=255, null=True, verbose_name='Stripe id')),
                ('idempotency_key', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('price_id', models.CharField(max_length=255, verbose_name='price')),
                ('quantity', models.PositiveIntegerField(default=1, verbose_name='quantity')),
                ('mode', models.CharField(max_length=16, verbose_name='mode')),
                ('status', models.CharField(default='open', help_text='open, complete or expired', max_length=16, verbose_name='status')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='checkout_sessions', to='stripe_billing.customer')),
                ('open_for', models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='open_checkout_session', to='stripe_billing.customer')),
            ],
            options={
                'verbose_name': 'checkout session',
                'verbose_name_plural': 'checkout sessions',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Feature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(blank=True, default='', help_text='The connected account that owns the object; empty for the platform.', max_length=64, verbose_name='account')),
                ('observed_low', models.BigIntegerField(default=-1, editable=False, help_text="Contains every change before this second of Stripe's clock.", verbose_name='observed from')),
                ('observed_high', models.BigIntegerField(default=-1, editable=False, help_text="Contains no change after this second of Stripe's clock.", verbose_name='observed until')),
                ('revision', models.PositiveIntegerField(default=0, editable=False, help_text='Grows with each write.', verbose_name='revision')),
                ('stripe_id', models.CharField(max_length=255, verbose_name='Stripe id')),
                ('lookup_key', models.CharField(db_index=True, max_length=80, verbose_name='lookup key')),
                ('name', models.CharField(blank=True, default='', max_length=255, verbose_name='name')),
                ('active', models.BooleanField(default=True, help_text='An archived feature still grants where attached.', verbose_name='active')),
                ('combine', models.CharField(choices=[('max', 'the largest limit'), ('sum', 'the sum of the limits')], default='max', max_length=8, verbose_name='several sources give')),
            ],
            options={
                'verbose_name': 'feature',
                'verbose_name_plural': 'features',
                'ordering': ['lookup_key'],
                'constraints': [models.UniqueConstraint(fields=('account', 'stripe_id'), name='stripe_billing_feature_stripe_id')],
            },
        ),
        migrations.CreateModel(
            name='EntitlementChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('granted', 'granted'), ('changed', 'changed'), ('revoked', 'revoked')], max_length=8, verbose_name='change')),
                ('source_kind', models.CharField(choices=[('subscription', 'subscription')], max_length=16, verbose_name='source')),
                ('source_id', models.CharField(max_length=255, verbose_name='source id')),
                ('before', models.JSONField(blank=True, null=True, verbose_name='before')),
                ('after', models.JSONField(blank=True, null=True, verbose_name='after')),
                ('cause_kind', models.CharField(choices=[('event', 'event'), ('reconcile', 'reconcile run'), ('catalog', 'catalog'), ('checkout', 'return from checkout'), ('person', 'person')], max_length=16, verbose_name='cause')),
                ('cause_id', models.CharField(blank=True, default='', help_text="The event's Stripe id, the run, or the person.", max_length=255, verbose_name='cause id')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entitlement_changes', to='stripe_billing.customer')),
                ('feature', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entitlement_changes', to='stripe_billing.feature')),
            ],
            options={
                'verbose_name': 'entitlement change',
                'verbose_name_plural': 'entitlement changes',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(blank=True, default='', help_text='The connected account that owns the object; empty for the platform.', max_length=64, verbose_name='account')),
                ('observed_low', models.BigIntegerField(default=-1, editable=False, help_text="Contains every change before this second of Stripe's clock.", verbose_name='observed from')),
                ('observed_high', models.BigIntegerField(default=-1, editable=False, help_text="Contains no change after this second of Stripe's clock.", verbose_name='observed until')),
                ('revision', models.PositiveIntegerField(default=0, editable=False, help_text='Grows with each write.', verbose_name='revision')),
                ('stripe_id', models.CharField(max_length=255, verbose_name='Stripe id')),
                ('lookup_key', models.CharField(blank=True, db_index=True, default='', max_length=200, verbose_name='lookup key')),
                ('nickname', models.CharField(blank=True, default='', max_length=255, verbose_name='nickname')),
                ('type', models.CharField(blank=True, default='', max_length=64, verbose_name='type')),
                ('currency', models.CharField(blank=True, default='', max_length=3, verbose_name='currency')),
                ('unit_amount', models.BigIntegerField(blank=True, help_text="In the currency's minor unit.", null=True, verbose_name='amount')),
                ('interval', models.CharField(blank=True, default='', max_length=16, verbose_name='interval')),
                ('interval_count', models.PositiveSmallIntegerField(default=0, verbose_name='interval count')),
                ('usage_type', models.CharField(blank=True, default='', max_length=16, verbose_name='usage type')),
                ('active', models.BooleanField(default=True, verbose_name='active')),
                ('is_deleted', models.BooleanField(default=False, verbose_name='deleted')),
                ('metadata', models.JSONField(blank=True, default=dict, verbose_name='metadata')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prices', to='stripe_billing.product', verbose_name='product')),
            ],
            options={
                'verbose_name': 'price',
                'verbose_name_plural': 'prices',
                'ordering': ['product_id', 'unit_amount', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='ProductFeature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stripe_id', models.CharField(blank=True, default='', max_length=255, verbose_name='Stripe id')),
                ('limit', models.PositiveIntegerField(blank=True, help_text='Empty: without limit.', null=True, verbose_name='limit')),
                ('is_limit_per_unit', models.BooleanField(default=False, verbose_name='per unit of quantity')),
                ('removed_at', models.DateTimeField(blank=True, help_text='Periods that were running then keep the feature until they end.', null=True, verbose_name='removed')),
                ('feature', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='product_features', to='stripe_billing.feature')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='product_features', to='stripe_billing.product')),
            ],
            options={
                'verbose_name': 'product feature',
                'verbose_name_plural': 'product features',
                'ordering': ['pk'],
            },
        ),
        migrations.AddField(
            model_name='product',
            name='features',
            field=models.ManyToManyField(related_name='products', through='stripe_billing.ProductFeature', to='stripe_billing.feature', verbose_name='features'),
        ),
        migrations.CreateModel(
            name='Subscription',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.CharField(blank=True, default='', help_text='The connected account that owns the object; empty for the platform.', max_length=64, verbose_name='account')),
                ('observed_low', models.BigIntegerField(default=-1, editable=False, help_text="Contains every change before this second of Stripe's clock.", verbose_name='observed from')),
                ('observed_high', models.BigIntegerField(default=-1, editable=False, help_text="Contains no change after this second of Stripe's clock.", verbose_name='observed until')),
                ('revision', models.PositiveIntegerField(default=0, editable=False, help_text='Grows with each write.', verbose_name='revision')),
                ('stripe_id', models.CharField(max_length=255, verbose_name='Stripe id')),
                ('status', models.CharField(db_index=True, max_length=64, verbose_name='status')),
                ('livemode', models.BooleanField(default=False, verbose_name='live mode')),
                ('stripe_created_at', models.DateTimeField(verbose_name='created in Stripe')),
                ('start_at', models.DateTimeField(blank=True, null=True, verbose_name='started')),
                ('trial_start_at', models.DateTimeField(blank=True, null=True, verbose_name='trial from')),
                ('trial_end_at', models.DateTimeField(blank=True, null=True, verbose_name='trial until')),
                ('cancel_at', models.DateTimeField(blank=True, null=True, verbose_name='set to end')),
                ('cancel_at_period_end', models.BooleanField(default=False, verbose_name='ends with its period')),
                ('canceled_at', models.DateTimeField(blank=True, help_text='It may still be running.', null=True, verbose_name='cancellation asked for')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
                ('currency', models.CharField(blank=True, default='', max_length=3, verbose_name='currency')),
                ('collection_method', models.CharField(blank=True, default='', max_length=64, verbose_name='collection method')),
                ('latest_invoice_id', models.CharField(blank=True, default='', max_length=255, verbose_name='latest invoice')),
                ('test_clock_id', models.CharField(blank=True, default='', max_length=255, verbose_name='test clock')),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='subscriptions', to='stripe_billing.customer', verbose_name='customer')),
            ],
            options={
                'verbose_name': 'subscription',
                'verbose_name_plural': 'subscriptions',
                'ordering': ['-stripe_created_at', '-pk'],
                'permissions': [('sync_subscription', 'Can sync a subscription from Stripe')],
            },
        ),
        migrations.CreateModel(
            name='Entitlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_kind', models.CharField(choices=[('subscription', 'subscription')], max_length=16, verbose_name='source')),
                ('source_id', models.CharField(help_text="The subscription's Stripe id.", max_length=255, verbose_name='source id')),
                ('ends_at', models.DateTimeField(blank=True, help_text='Empty: no end.', null=True, verbose_name='ends')),
                ('limit', models.BigIntegerField(blank=True, help_text='Empty: without limit.', null=True, verbose_name='limit')),
                ('reason', models.CharField(blank=True, default='', max_length=32, verbose_name='reason of the end')),
                ('granted_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='granted')),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entitlements', to='stripe_billing.customer', verbose_name='customer')),
                ('feature', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entitlements', to='stripe_billing.feature', verbose_name='feature')),
                ('subscription', models.ForeignKey(blank=True, editable=False, help_text="The source's row, where the source is a subscription.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='entitlements', to='stripe_billing.subscription', verbose_name='subscription')),
            ],
            options={
                'verbose_name': 'entitlement',
                'verbose_name_plural': 'entitlements',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='SubscriptionItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stripe_id', models.CharField(max_length=255, verbose_name='Stripe id')),
                ('price_id', models.CharField(blank=True, default='', max_length=255, verbose_name='price')),
                ('product_id', models.CharField(blank=True, db_index=True, default='', max_length=255, verbose_name='product')),
                ('quantity', models.PositiveIntegerField(blank=True, null=True, verbose_name='quantity')),
                ('current_period_start_at', models.DateTimeField(blank=True, null=True, verbose_name='period from')),
                ('current_period_end_at', models.DateTimeField(blank=True, null=True, verbose_name='period until')),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='stripe_billing.subscription', verbose_name='subscription')),
            ],
            options={
                'verbose_name': 'subscription item',
                'verbose_name_plural': 'subscription items',
                'ordering': ['stripe_id'],
            },
        ),
        migrations.AddConstraint(
            model_name='customer',
            constraint=models.UniqueConstraint(fields=('account', 'stripe_id'), name='stripe_billing_customer_stripe_id'),
        ),
        migrations.AddConstraint(
            model_name='customer',
            constraint=models.UniqueConstraint(fields=('account', 'subscriber'), name='stripe_billing_customer_subscriber'),
        ),
        migrations.AddConstraint(
            model_name='checkoutsession',
            constraint=models.UniqueConstraint(fields=('account', 'stripe_id'), name='stripe_billing_checkout_stripe_id'),
        ),
        migrations.AddIndex(
            model_name='entitlementchange',
            index=models.Index(fields=['customer', '-id'], name='stripe_billing_chg_customer'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.UniqueConstraint(fields=('account', 'stripe_id'), name='stripe_billing_price_stripe_id'),
        ),
        migrations.AddConstraint(
            model_name='productfeature',
            constraint=models.UniqueConstraint(fields=('product', 'feature'), name='stripe_billing_product_feature'),
        ),
        migrations.AddConstraint(
            model_name='product',
            constraint=models.UniqueConstraint(fields=('account', 'stripe_id'), name='stripe_billing_product_stripe_id'),
        ),
        migrations.AddConstraint(
            model_name='subscription',
            constraint=models.UniqueConstraint(fields=('account', 'stripe_id'), name='stripe_billing_subscription_stripe_id'),
        ),
        migrations.AddIndex(
            model_name='entitlement',
            index=models.Index(fields=['ends_at'], name='stripe_billing_ent_ends_at'),
        ),
        migrations.AddConstraint(
            model_name='entitlement',
            constraint=models.UniqueConstraint(fields=('customer', 'feature', 'source_kind', 'source_id'), name='stripe_billing_entitlement_source'),
        ),
        migrations.AddConstraint(
            model_name='subscriptionitem',
            constraint=models.UniqueConstraint(fields=('subscription', 'stripe_id'), name='stripe_billing_item_stripe_id'),
        ),
    ]
