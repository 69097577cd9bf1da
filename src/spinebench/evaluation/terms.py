"""Where a model runs, and whether the images of a source may be sent there.

A remote model over a source whose terms forbid third-party models is stopped before the first
call. Remote is what cannot be shown to be local: the safe side of a doubt is to ask.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from inspect_ai.model import Model, ModelName

from spinebench.benchmark.release.consent import check_accepted, terms_of
from spinebench.errors import UsageError
from spinebench.evaluation.models import IN_PROCESS, OURS

# run in this process, or in a server that Inspect starts on this machine when given no address
_LOCAL_PROVIDERS = IN_PROCESS | {"mockllm", "none", "vllm", "sglang"}
# a local address says nothing about where these send the images on
_FORWARDERS = frozenset({"litellm-proxy"})


def check_terms(
    model: Model | None,
    sources: Iterable[str],
    manifest: Mapping[str, Any],
    accepted: Iterable[str],
) -> None:
    """Raise UsageError if the model is remote and a source's terms forbid sending its images.

    A `model` of None is one of ours (`is_ours`), which the processes of a run open themselves.
    `manifest` is the benchmark's; `accepted` names the sources whose terms the user has settled.
    """
    described = manifest.get("sources", {})
    accepted = check_accepted(described, accepted)
    forbidding: list[str] = []
    for source in sorted(set(sources) - accepted):
        terms = terms_of(described, source, "third_party_models")
        if not terms["third_party_models"]:
            forbidding.append(f"{source} ({terms['name']}, {terms['url']}: {terms['summary']})")
    if forbidding and model is not None and not is_local(model):
        options = " ".join(f"--accept-terms {entry.split(' ', 1)[0]}" for entry in forbidding)
        raise UsageError(
            f"{model} runs elsewhere, and these terms forbid sending images to third parties: "
            f"{'; '.join(forbidding)}. If you have settled this with whoever gave you the images: "
            f"{options} (inspect eval: -T accept_terms=SOURCE)"
        )


def parse_sources(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Source names from `-T accept_terms=a,b`, which arrives as text or as a list."""
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else [str(part) for part in value]
    return tuple(part.strip() for part in parts if part.strip())


def is_ours(name: str) -> bool:
    """Whether a model string names a model of ours, which runs in the process that opens it."""
    return name.partition("/")[0] in OURS


def is_local(model: Model) -> bool:
    """Whether images sent to this model stay on this machine or in a private network."""
    provider = _provider(model)
    if provider in OURS:
        return True
    address = _address(model)
    if provider in _FORWARDERS or (provider == "ollama" and _is_ollama_cloud(model.name)):
        return False
    if address is None:
        return provider in _LOCAL_PROVIDERS
    return _is_private_host(urlsplit(address if "//" in address else f"//{address}").hostname)


def _provider(model: Model) -> str:
    """Name of the provider; a package other than Inspect and spinebench is named in full."""
    package = type(model.api).__module__.split(".")[0]
    name = ModelName(model).api
    return name if package in ("inspect_ai", "spinebench") else f"{package}/{name}"


def _address(model: Model) -> str | None:
    """Address that the provider will send to: its client's own where it has one.

    The client knows best: it has settled arguments, `<SERVICE>_BASE_URL` and
    `INSPECT_EVAL_MODEL_BASE_URL`.
    """
    client = getattr(model.api, "client", None)
    address = getattr(client, "base_url", None) or model.api.base_url
    if not address and "://" in model.api.connection_key():
        # vllm connects at the first call; until then only this key tells the server it was given
        address = model.api.connection_key()
    return str(address) if address else None


def _is_ollama_cloud(name: str) -> bool:
    # a local ollama hands models with this tag on to its makers' servers
    return name.endswith(("-cloud", ":cloud"))


def _is_private_host(host: str | None) -> bool:
    """Loopback or private address; a name must resolve to nothing but such addresses."""
    if not host:
        return False
    try:
        found = (
            {host} if _is_address(host) else {str(i[4][0]) for i in socket.getaddrinfo(host, None)}
        )
    except OSError:
        return False
    # a scope id ("fe80::1%eth0") is no part of the address
    return bool(found) and all(ipaddress.ip_address(a.split("%")[0]).is_private for a in found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return True
