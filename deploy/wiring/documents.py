"""The page `/docs` of an API, without anything from other servers: it works where there is no internet."""

from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

#: Where the page's script and style are; the package brings Swagger UI's files.
STATIC = "/docs/static"


def add_documents(app: FastAPI) -> None:
    """Serve Swagger UI at `/docs`, for an app that was made with `docs_url=None`."""

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{root}{STATIC}/favicon.png",
        )

    app.mount(STATIC, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="docs")
