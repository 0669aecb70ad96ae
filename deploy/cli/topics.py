"""`opecom topics`: makes and checks the topics, and who may use them."""

import asyncio
from functools import partial
from typing import Annotated, Literal

import typer

from deploy.errors import AwayError, SetupError
from deploy.log import acls
from deploy.log import topics as all_topics
from deploy.log.broker_life import in_one_life
from deploy.log.client_options import kafka_clients
from deploy.processes.audit_file import audited, user
from deploy.processes.data_folder import as_running
from deploy.settings.model import Settings, load
from deploy.terminal.plain import print_line
from stream.kafka.client_log import silence_libraries


def topics(
    what: Annotated[
        Literal["create", "check", "retry-failed", "acls"],
        typer.Argument(
            help="create: makes and fixes; check: says what is wrong, only; retry-failed: publishes the events whose "
            "dead letter says `failed` again, each once; acls: prints what each part may do in Kafka."
        ),
    ] = "check",
    give: Annotated[
        bool,
        typer.Option("--apply", help="Of acls: gives the users of the parts these rights, and takes all others."),
    ] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Of acls: as a table.")] = False,
    users: Annotated[
        str, typer.Option(help="Of acls: the start of the users' names; the part's name follows.")
    ] = "op-ecom-",
) -> None:
    """Makes the topics, fixes their settings, and refuses what it cannot fix; folds failed events again; gives each
    part its rights in Kafka."""
    settings = as_running(load())
    kafka = settings.kafka
    # A broker that is away is one line of ours; the client would add its own.
    silence_libraries()
    if what != "acls" and (give or as_markdown):
        raise SetupError(f"--apply and --markdown are for `opecom topics acls`, not for {what}")
    if what == "acls":
        _acls(settings, users, give, as_markdown)
        return
    if what == "create":
        print_line("\n".join(asyncio.run(_created(settings))) or "the topics are as they must be")
        return
    if what == "retry-failed":
        print_line(f"{_retry_failed(settings):,} events published again at the end of the log")
        return
    look = partial(all_topics.check, kafka_clients(kafka), all_topics.wanted(kafka))
    faults = asyncio.run(in_one_life(kafka, look))
    print_line("\n".join(fault.line for fault in faults) or "the topics are as they must be")
    if faults:
        raise typer.Exit(1)


def _acls(settings: Settings, users: str, give: bool, as_markdown: bool) -> None:
    if as_markdown:
        print_line(acls.markdown(settings, users))
    elif give:
        with audited(settings, "topics acls --apply", subject=f"users {users}"):
            done = asyncio.run(acls.apply(kafka_clients(settings.kafka), settings, users))
        print_line("\n".join(done) or "the rights are as they must be")
    else:
        print_line("\n".join(map(str, acls.all_rights(settings, users))))


async def _created(settings: Settings) -> list[str]:
    """What was done, a line each: topics, and on a new log the models of sites."""
    from deploy.log.site_models import restore_site_models

    done = await all_topics.ensure(kafka_clients(settings.kafka), all_topics.wanted(settings.kafka))
    restored = await restore_site_models(settings)
    return [*done, *(f"{each.version} scores site {each.site}, as on the log before" for each in restored)]


def _retry_failed(settings: Settings) -> int:
    # Here, so that no other command loads it.
    from deploy.log.retry import retry_failed
    from deploy.wiring.relational import relational_of_this_program
    from storage.database.errors import DatabaseUnavailableError
    from storage.dead_letters.ledger import ResentLedger
    from stream.kafka.source import SourceError

    engine = relational_of_this_program(settings)
    try:
        again = partial(retry_failed, settings, kafka_clients(settings.kafka), ResentLedger(engine), user())
        with audited(settings, "topics retry-failed"):
            return asyncio.run(in_one_life(settings.kafka, again))
    except SourceError as error:
        raise AwayError(str(error)) from None
    except DatabaseUnavailableError as error:
        raise AwayError(f"the relational database does not answer ({error}): see storage.url, data_dir") from error
    finally:
        engine.dispose()
