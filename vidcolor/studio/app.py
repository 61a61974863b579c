"""The web application: the guard around the endpoints and the page."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from vidcolor import __version__
from vidcolor.errors import VidcolorError
from vidcolor.studio.api import direction, files, jobs, looks
from vidcolor.studio.errors import StudioError
from vidcolor.studio.security.guard import Guard
from vidcolor.studio.studio import Studio

logger = logging.getLogger(__name__)

PAGE: Final = Path(__file__).with_name("page")
"""The page's files: HTML, styles, scripts; nothing is loaded from elsewhere."""

Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]


def make_app(studio: Studio) -> FastAPI:
    """The application of a studio."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await studio.start()
        yield
        await studio.stop()

    # no docs_url: FastAPI's pages of documentation load their scripts from elsewhere
    app = FastAPI(
        title="vidcolor studio", version=__version__, lifespan=life, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json", description="Recipes: /recipes",
    )  # fmt: skip
    app.state.studio = studio
    for router in (files.router, looks.router, direction.router, jobs.router):
        app.include_router(router)
    _add_page(app)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Guard, settings=studio.settings)
    return app


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/recipes", include_in_schema=False)
    async def recipes() -> FileResponse:
        return FileResponse(PAGE / "recipes.html", headers={"cache-control": "no-cache"})

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> FileResponse:
        return FileResponse(PAGE / "icon.svg", media_type="image/svg+xml")

    app.mount("/page", StaticFiles(directory=PAGE), name="page")


async def _expected(request: Request, error: Exception) -> JSONResponse:
    status = error.status if isinstance(error, StudioError) else 422
    return JSONResponse({"error": str(error)}, status)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """One line, such as "max_px: Input should be less than or equal to 4096"."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    lines = [f"{each['loc'][-1]}: {each['msg']}" for each in found[:3]]
    return JSONResponse({"error": "; ".join(lines)[:500] or "not understood"}, 422)


async def _http(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "failed"
    return JSONResponse({"error": str(detail)}, status)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.exception("%s %s", request.method, request.url.path, exc_info=error)
    return JSONResponse({"error": "the server failed; its log says more"}, 500)


_HANDLERS: Final[dict[type[Exception], Handler]] = {
    VidcolorError: _expected, RequestValidationError: _invalid, HTTPException: _http,
    Exception: _unexpected,
}  # fmt: skip
