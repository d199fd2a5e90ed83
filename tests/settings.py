"""Settings of the test suite. TEST_DATABASE picks the database, TEST_SUBSCRIBER who pays."""

import os

TEST_DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
TEST_SUBSCRIBER = os.environ.get("TEST_SUBSCRIBER", "user")

DATABASES = {
    "sqlite": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    },
    "postgres": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("TEST_DATABASE_NAME", "stripe_billing"),
        "HOST": "127.0.0.1",
        "USER": os.environ.get("TEST_POSTGRES_USER", "postgres"),
        "PASSWORD": os.environ.get("TEST_POSTGRES_PASSWORD", ""),
        "OPTIONS": {"options": "-c synchronous_commit=off"},
    },
    "mariadb": {
        "ENGINE": "django.db.backends.mysql",
        "NAME": os.environ.get("TEST_DATABASE_NAME", "stripe_billing"),
        "HOST": "127.0.0.1",
        "USER": os.environ.get("TEST_MARIADB_USER", "root"),
        "PASSWORD": os.environ.get("TEST_MARIADB_PASSWORD", ""),
        "OPTIONS": {"charset": "utf8mb4"},
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"},
    },
}
if TEST_DATABASE == "mariadb":
    import pymysql

    pymysql.version_info = (2, 2, 8, "final", 0)  # what Django asks of mysqlclient
    pymysql.install_as_MySQLdb()
DATABASES = {"default": DATABASES[TEST_DATABASE]}

SECRET_KEY = "only-for-tests"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}  # Django 6.1
LOGIN_URL = "/admin/login/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "/static/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_stripe_billing",
    "tests.organisations",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_stripe_billing.access.BillingMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django_stripe_billing.access.context_processors.billing",
            ]
        },
    }
]

REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SPECTACULAR_SETTINGS = {"TITLE": "Billing", "VERSION": "1"}

STRIPE_BILLING = {
    "API_KEY": "sk_test_only_for_tests",
    "WEBHOOK_SECRETS": ["whsec_only_for_tests"],
    "MAX_NETWORK_RETRIES": 0,
    "THROTTLE": None,  # tests ask more often than visitors do
}
if TEST_SUBSCRIBER == "organisation":
    STRIPE_BILLING_SUBSCRIBER_MODEL = "organisations.Organisation"
    STRIPE_BILLING["SUBSCRIBER"] = "tests.organisations.hooks.current_organisation"
else:
    STRIPE_BILLING_SUBSCRIBER_MODEL = "auth.User"
