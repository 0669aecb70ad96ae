"""`opecom topics`: makes and checks the topics."""

import asyncio
import logging
from typing import Annotated, Literal

import typer

from deploy.log import topics as all_topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import load


def topics(
    what: Annotated[
        Literal["create", "check"], typer.Argument(help="create: makes and mends; check: says what is wrong, only.")
    ] = "check",
) -> None:
    """Makes the topics, mends their settings, and refuses what it cannot mend."""
    kafka = load().kafka
    # A broker that is away is one line of ours; the client would add its own.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    wanted = all_topics.wanted(kafka)
    if what == "create":
        done = asyncio.run(all_topics.ensure(kafka_clients(kafka), wanted))
        print("\n".join(done) or "the topics are as they must be")
        return
    faults = asyncio.run(all_topics.check(kafka_clients(kafka), wanted))
    print("\n".join(fault.line for fault in faults) or "the topics are as they must be")
    if faults:
        raise typer.Exit(1)
