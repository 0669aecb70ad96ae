"""One spelling for each page: URLs split, paths normalised, session secrets cut out of them.

`/bücher/1`, `/b%C3%BCcher/1` and `/b%c3%bccher/1` are one page. RFC 3986 (6.2.2) is followed for case, percent-encoding
and dot segments; characters outside ASCII stand as themselves, in Unicode's form NFC.
"""

import re
from unicodedata import normalize
from urllib.parse import SplitResult, urlsplit

MAX_PATH = 500

#: What needs no work: slashes that stand alone, segments that begin with neither a dot nor a parenthesis.
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~!$&'*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*/?")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
#: ASCII that may not stand in a path as it is.
_FORBIDDEN = re.compile(r"[\x00-\x20\"<>\\^`{|}\x7f]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
#: Sessions that servers write into the path: `;jsessionid=...` of servlets and its like, `/(S(...))/` of ASP.NET.
_SESSION_PARAMETER = re.compile(
    r"(?:;|%3B)(?:j?session_?id|phpsessid|php_?sess(?:ion)?|aspsessionid\w*|sess(?:ion)?|sid|cfid|cftoken|"
    r"(?:access_?|auth_?|session_?)?token)(?:=|%3D)(?:(?!%3B)[^/;])*",
    re.IGNORECASE,
)
_SESSION_SEGMENT = re.compile(r"/\((?:[A-Z]\([^()/]*\))+\)(?=/|$)")
_SLASHES = re.compile(r"//+")
_CUT_ESCAPE = re.compile(r"%[0-9A-F]?$")


def split_url(url: str) -> SplitResult:
    """The parts of a URL, or of what stands from the path on; raises ValueError when it is neither.

    `//products/7` is a path with a slash too many: no page names itself without its scheme.
    """
    parts = urlsplit("/" + url.lstrip("/") if url.startswith("//") else url)
    parts.hostname  # noqa: B018  (reading it is what checks the host)
    return parts


def normal_path(path: str) -> str:
    """The one spelling of `path`, which then begins with a slash. Doing it again changes nothing."""
    if path and _PLAIN.fullmatch(path):
        return path
    text = normalize("NFC", _ENCODED.sub(_decoded, _STRAY_PERCENT.sub("%25", path)))
    text = _FORBIDDEN.sub(lambda found: _escaped(found[0]), text)
    if not text.isprintable():
        text = "".join(each if each.isprintable() else _escaped(each) for each in text)
    text = _SESSION_SEGMENT.sub("", _SESSION_PARAMETER.sub("", text))
    text = _SLASHES.sub("/", text if text.startswith("/") else "/" + text)
    return _without_dots(text) if "/." in text else text


def clipped(text: str) -> str:
    """At most MAX_PATH characters, no half of a percent-encoded one at the end."""
    return text if len(text) <= MAX_PATH else _CUT_ESCAPE.sub("", text[:MAX_PATH])


def _decoded(found: re.Match[str]) -> str:
    """Percent-encoded bytes as characters, where a path may have them as they are; else in upper case."""
    text = bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "surrogateescape")
    return "".join(
        each if each in _UNRESERVED or (each > "\x7f" and each.isprintable()) else _escaped(each) for each in text
    )


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
