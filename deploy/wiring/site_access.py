"""What the ingest API knows of a site, as its settings say; `opecom sites` checks a change with it."""

from typing import Literal

from deploy.errors import SetupError
from deploy.settings.model import SiteSettings
from ingest import enrich
from ingest.admission.keys import SiteAccess
from ingest.admission.origins import checked_origin
from ingest.admission.signatures import checked_secret
from ingest.tokens import Shown


def site_access(
    name: str, settings: SiteSettings, embedded: bool, more_import_keys: tuple[str, ...] = ()
) -> SiteAccess:
    """What the API knows of a site; raises SetupError, which names the setting, for what is no origin or secret."""
    try:
        origins = frozenset(checked_origin(origin) for origin in settings.origins)
    except ValueError as error:
        raise SetupError(f"sites.{name}.origins: {error}") from None
    try:
        secrets = tuple(checked_secret(secret.get_secret_value()) for secret in settings.purchase_secrets)
    except ValueError as error:
        raise SetupError(f"sites.{name}.purchase_secrets: {error}") from None
    return SiteAccess(
        name,
        _url_rules(name, settings, origins),
        origins,
        settings.write_keys,
        tuple(key.get_secret_value() for key in settings.import_keys) + more_import_keys,
        secrets,
        embedded if settings.keyless_loopback == "embedded" else settings.keyless_loopback,
        settings.count_unverified_purchases,
        _shown(settings.intent_in_browser, embedded),
    )


def _url_rules(name: str, settings: SiteSettings, origins: frozenset[str]) -> enrich.UrlRules:
    for field in ("own_domains", "ignored_referrers"):
        try:
            enrich.checked_url_rules(**{field: getattr(settings, field)})
        except ValueError as error:
            raise SetupError(f"sites.{name}.{field}: {error}") from None
    return enrich.checked_url_rules(
        settings.allowed_query,
        ((rule.prefix, rule.type) for rule in settings.path_rules),
        (*settings.own_domains, *enrich.registrable_domains(origins)),
        settings.ignored_referrers,
    )


def _shown(setting: bool | Literal["embedded", "band"], embedded: bool) -> Shown | None:
    """How much of a session's intent its page may show, None: nothing."""
    if setting == "band":
        return "band"
    return "all" if setting is True or (setting == "embedded" and embedded) else None
