"""Long lists come in pages."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from .operations import Shape


class Pages(PageNumberPagination):
    """`?page=2`; up to a hundred with `?page_size=`."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100


class PageSerializer(serializers.Serializer[Any]):
    """Which page; one that is not there is not found."""

    page = serializers.IntegerField(required=False, min_value=1, help_text="From 1.")
    page_size = serializers.IntegerField(
        required=False, min_value=1, max_value=Pages.max_page_size, help_text="20 by default."
    )


def paginated(rows: QuerySet[Any], serializer: Shape, request: Request, view: Any) -> Response:
    """`{"count": …, "next": …, "previous": …, "results": […]}`.

    Raises ValidationError for what is no page, NotFound for one that is not there.
    """
    PageSerializer(data=request.query_params).is_valid(raise_exception=True)
    pages = Pages()
    found = pages.paginate_queryset(rows, request, view=view)
    return pages.get_paginated_response(serializer(found, many=True).data)
