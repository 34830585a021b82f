"""The endpoint URL of a runtime: AgentCore's host for the ARN's region, or a safe override.

Credentials and prompts are sent to this URL, so this is the one place that decides which URLs are safe: https to any
host, plain http only to this machine.
"""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING

import httpx2

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.wire.ids import SERVICE
from agentcore_mcp.wire.loopback import LOOPBACK_IN_WORDS, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentcore_mcp.wire.ids import Runtime

# The standard partition is hard-coded, because importing botocore for its partition data takes 70 ms and a server with
# a bearer token needs nothing else from it. A test compares the values with botocore's.
_STANDARD_PARTITION = "aws"
_STANDARD_DNS_SUFFIXES = ("amazonaws.com", "api.aws")


def endpoint_for(
    runtime: Runtime, override: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
) -> str:
    """Return the URL that the paths of the three operations are appended to, without a trailing slash.

    Args:
        runtime: The runtime, whose region and partition determine the host.
        override: An https URL, or an http URL of this machine, to use instead. It may have a path.
        use_fips: Choose the host whose cryptography is validated by FIPS 140.
        use_dualstack: Choose the host that has IPv6 addresses too.

    Raises:
        ConfigurationError: If the override is neither, or botocore knows no such partition.
    """
    if override is not None:
        return check_endpoint_url(override, use_fips=use_fips, use_dualstack=use_dualstack)
    name = f"{SERVICE}-fips" if use_fips else SERVICE
    return f"https://{name}.{runtime.region}.{_dns_suffixes(runtime.partition)[use_dualstack]}"


def endpoints(
    override: str | None = None, *, use_fips: bool = False, use_dualstack: bool = False
) -> Callable[[Runtime], str]:
    """Return ``endpoint_for`` with these arguments bound; the override is checked now, and only once.

    Raises:
        ConfigurationError: As ``check_endpoint_url`` says.
    """
    if override is not None:
        checked = check_endpoint_url(override, use_fips=use_fips, use_dualstack=use_dualstack)
        return lambda _: checked
    return partial(endpoint_for, use_fips=use_fips, use_dualstack=use_dualstack)


def check_endpoint_url(text: str, *, use_fips: bool = False, use_dualstack: bool = False) -> str:
    """Return an endpoint URL without its trailing slash if credentials may be sent to it.

    Raises:
        ConfigurationError: If it is not https or loopback http, or has a user name, query or fragment. The message
            shows none of those three, since each may be a secret. Or if FIPS or dual-stack is requested too: a leftover
            URL must not silently disable FIPS.
    """
    if use_fips or use_dualstack:
        raise ConfigurationError("an endpoint URL can't be combined with FIPS or dual-stack endpoints")
    if "@" in text or "?" in text or "#" in text:
        raise ConfigurationError("an endpoint URL has no user name, password, query or fragment, but this one has")
    url = url_of(text)
    if url is None or url.scheme not in ("https", "http"):
        raise ConfigurationError(f"not an endpoint URL: {text!r}; it looks like https://HOST or https://HOST/PATH")
    if not is_safe_for_credentials(url):
        raise ConfigurationError(
            f"the endpoint URL {text!r} would send credentials unencrypted; use https, or http with {LOOPBACK_IN_WORDS}"
        )
    return str(url).rstrip("/")


def check_session_endpoint(text: str, partition: str, override: str | None = None) -> httpx2.URL:
    """Return the URL of a session's endpoint if credentials may be sent to it: it comes from an answer, not the user.

    Its format is undocumented, so any host below an AWS DNS suffix is accepted: one of botocore's partition data, or
    ``on.aws`` beside ``api.aws``, where AWS has the URLs of single resources, such as Lambda functions.

    Args:
        text: The URL from the answer.
        partition: The partition of the runtime's ARN.
        override: The endpoint URL of the runtime, if not AWS's; the session's endpoint may have the same origin.

    Raises:
        ConfigurationError: If the URL is elsewhere, or unsafe as in ``check_endpoint_url``.
    """
    url = httpx2.URL(check_endpoint_url(text))
    if override is not None and same_origin(override, text):
        return url
    usual, dual_stack = _dns_suffixes(partition)
    suffixes = (usual, dual_stack, f"on.{dual_stack.removeprefix('api.')}")
    host = url.raw_host.decode("ascii")
    if url.scheme != "https" or not re.fullmatch(rf"([a-z0-9-]+\.)+({'|'.join(map(re.escape, suffixes))})", host):
        raise ConfigurationError(
            f"the session's endpoint is at {url.netloc.decode()}, which is neither a host of AWS (below "
            f"{', '.join(suffixes)}) nor that of endpoint_url, so no credentials are sent there; ask the agent in the "
            "session again for its present endpoint, or set endpoint_url if a proxy of yours is in front of AgentCore"
        )
    return url


def same_origin(text: str, other: str) -> bool:
    """Tell whether two URLs have the same scheme, host and port; false if either is not a URL."""
    url, second = url_of(text), url_of(other)
    return url is not None and second is not None and (url.scheme, url.netloc) == (second.scheme, second.netloc)


def url_of(text: str) -> httpx2.URL | None:
    """Return the parsed URL, or None if the text is not a URL with a host."""
    try:
        url = httpx2.URL(text)
        is_one = bool(url.host) and (url.port is None or 0 < url.port < 65536)
        url.raw_host.decode("ascii").encode("idna")  # as in Python's resolver: no label is empty or too long
    except (httpx2.InvalidURL, ValueError):
        return None
    return url if is_one else None


def is_safe_for_credentials(url: httpx2.URL) -> bool:
    """Tell whether requests can't be read in transit: https, or http to this machine."""
    return url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host))


@cache
def _dns_suffixes(partition: str) -> tuple[str, str]:
    """Return the DNS suffixes of a partition's standard and dual-stack endpoints."""
    if partition == _STANDARD_PARTITION:
        return _STANDARD_DNS_SUFFIXES
    from botocore.loaders import create_loader

    suffixes: dict[str, tuple[str, str]] = {
        entry["id"]: (entry["outputs"]["dnsSuffix"], entry["outputs"]["dualStackDnsSuffix"])
        for entry in create_loader().load_data("partitions")["partitions"]
    }
    if partition not in suffixes:
        raise ConfigurationError(
            f"unknown AWS partition {partition!r} in the ARN; this botocore knows {', '.join(sorted(suffixes))}; "
            "a newer botocore may know it, and an endpoint URL needs none"
        )
    return suffixes[partition]
