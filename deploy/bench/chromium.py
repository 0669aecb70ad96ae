"""Chromium for the benchmarks that measure pages: found on this machine, driven by Playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from deploy.bench.errors import BenchError

WHOLE = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: The headless shell comes first: the same engine without a user's interface, for a quarter of a new profile's CPU.
PROGRAMS = ("chromium-headless-shell", *WHOLE)


@asynccontextmanager
async def chromium(missing: str, *args: str) -> AsyncIterator[Any]:
    """A headless browser, started with `args` too; raises BenchError, which begins with `missing`, without one."""
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError:
        raise BenchError(missing) from None
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-gpu", *args]
            )
        except Error as error:
            raise BenchError(f"{missing} ({str(error).splitlines()[0]})") from None
        try:
            yield browser
        finally:
            await browser.close()
