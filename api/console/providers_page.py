"""Providers, what they did and what they earned."""

from fastapi import APIRouter, Request, Response

from avow.api.console.render import page

router = APIRouter()


@router.get("/providers")
def providers(request: Request) -> Response:
    """Every provider that took an order through this installation."""
    return page(request, "providers.html", title="Providers")
