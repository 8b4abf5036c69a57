"""Metrics for Prometheus."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from avow.api.access import Reader

router = APIRouter(tags=["health"])


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, caller: Reader) -> Response:
    """Jobs, queues, histograms of all workers, and this process's HTTP requests."""
    # Reads the database.
    text = await run_in_threadpool(generate_latest, request.app.state.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
