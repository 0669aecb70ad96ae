"""User agents of visitors: what a test sends as one, since the sessions of programs stay out of lists and streams."""

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
#: The header of a visitor's browser.
BROWSER = {"user-agent": CHROME}
