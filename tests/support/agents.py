"""User agents of visitors: what a test sends as one, since the sessions of programs stay out of lists and streams."""

from deploy.chaos import ledger

#: The header of a visitor's browser.
BROWSER = ledger.BROWSER
CHROME = BROWSER["user-agent"]
