from django.urls import path

from . import views

urlpatterns = [
    path("", views.home, name="home"),
    path("team/", views.dashboard, name="dashboard"),
    path("team/add/", views.add, name="add-member"),
    path("team/switch/", views.switch, name="switch-team"),
    path("reports/", views.reports, name="reports"),
    path("api/reports/", views.reports_api, name="reports-api"),
]
