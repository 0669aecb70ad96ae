"""Does the steps that a test gives with the SDK for Python; `drive` in tests/support/sdks.py has the form."""

import json
import sys

from opecom_sdk import Client, verify

given = json.load(sys.stdin)
problems: list[list[object]] = []
options = given["options"]
client = Client(
    given["url"],
    given["key"],
    purchase_secret=given["secret"],
    max_queue=options.get("max_queue", 10_000),
    flush_seconds=options.get("flush_ms", 1_000) / 1000,
    on_problem=lambda problem, event_id: problems.append([problem, event_id]),
)


def do(name: str, value: object) -> object:
    match name:
        case "send":
            return client.send(value)
        case "flush":
            return client.flush(value / 1000)
        case "close":
            return client.close(value / 1000)
        case "purchase":
            return client.purchase(**value)
        case "refund":
            return client.refund(**value)
        case "verify":
            body = value["body"].encode()
            return verify(value["secret"], value["headers"], body, now=value.get("now"))["id"]
    raise AssertionError(name)


results: list[object] = []
for name, value in given["steps"]:
    try:
        results.append(do(name, value))
    except Exception as error:
        results.append({"error": type(error).__name__, "reason": str(error)})
print(json.dumps({"results": results, "problems": problems}), flush=True)
