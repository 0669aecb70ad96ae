"""Faults of the network between the parts and a service, by the proxies."""

from typing import get_args

from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.proxy import NetworkFault


def _network(fault: NetworkFault) -> FaultKind:
    def inject(context: FaultContext) -> float:
        name = context.any_service()
        proxy = context.installation.services.all[name].proxy
        context.note = name
        proxy.fail(fault)
        context.hold(1, 8)
        proxy.heal()
        return now()

    return FaultKind(inject, weight=2)


NETWORK = {f"network: {fault}": _network(fault) for fault in get_args(NetworkFault)}
