"""Which host is called, compared with botocore's own resolver; which override is safe."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import create_loader

from agentcore_mcp.errors import ConfigurationError
from agentcore_mcp.runtime.endpoints import endpoint_for
from agentcore_mcp.wire.ids import RuntimeArn
from tests.support.processes import printed

ARN = RuntimeArn("aws", "us-west-2", "123456789012", "demo-abcdefghij")

# One region of each partition that botocore knows; its pseudo-region for global services has no host of ours.
REGIONS = [
    (partition["id"], max(name for name in partition["regions"] if "global" not in name))
    for partition in create_loader().load_data("partitions")["partitions"]
]


# What botocore's client asks. It can't be asked for dual-stack in the iso partitions: an older table of botocore's,
# which it looks at first, doesn't know that those exist.
RESOLVER = EndpointProvider(
    create_loader().load_service_model("bedrock-agentcore", "endpoint-rule-set-1"),
    create_loader().load_data("partitions"),
)


@pytest.mark.parametrize(("partition", "region"), REGIONS)
def test_the_host_is_the_one_botocore_calls(partition: str, region: str) -> None:
    client = botocore.session.Session().create_client(
        "bedrock-agentcore", region_name=region, aws_access_key_id="AKIAFAKE", aws_secret_access_key="fake"
    )

    assert endpoint_for(RuntimeArn(partition, region, "123456789012", "demo-abcdefghij")) == client.meta.endpoint_url


@pytest.mark.parametrize("use_fips", [False, True])
@pytest.mark.parametrize("use_dualstack", [False, True])
@pytest.mark.parametrize(("partition", "region"), REGIONS)
def test_every_kind_of_host_is_the_one_botocore_resolves(
    partition: str, region: str, use_dualstack: bool, use_fips: bool
) -> None:
    arn = RuntimeArn(partition, region, "123456789012", "demo-abcdefghij")
    endpoint = RESOLVER.resolve_endpoint(Region=region, UseFIPS=use_fips, UseDualStack=use_dualstack)

    assert endpoint_for(arn, use_fips=use_fips, use_dualstack=use_dualstack) == endpoint.url


@pytest.mark.parametrize("kind", [{"use_fips": True}, {"use_dualstack": True}])
def test_an_override_is_not_combined_with_a_kind_of_endpoint(kind: dict[str, bool]) -> None:
    """Nor does botocore: whoever needs FIPS must not get less because a URL was left over."""
    with pytest.raises(ConfigurationError, match="can't be combined with FIPS or dual-stack"):
        endpoint_for(ARN, "https://agents.example.com", **kind)


def test_all_partitions_are_compared() -> None:
    assert {"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso"} <= {partition for partition, _ in REGIONS}


def test_an_unknown_partition_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown AWS partition .aws-moon. .* aws, aws-cn, "):
        endpoint_for(RuntimeArn("aws-moon", "mare-1", "123456789012", "demo-abcdefghij"))


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("https://agents.example.com", "https://agents.example.com"),
        ("https://agents.example.com/", "https://agents.example.com"),
        ("https://agents.example.com:8443/a/b/", "https://agents.example.com:8443/a/b"),
        ("https://agents.example.com:65535", "https://agents.example.com:65535"),
        ("HTTPS://Agents.Example.com", "https://agents.example.com"),
        ("https://10.0.0.7", "https://10.0.0.7"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://LOCALHOST:8080/", "http://localhost:8080"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_https_and_loopback_overrides_are_used(override: str, expected: str) -> None:
    assert endpoint_for(ARN, override) == expected


@pytest.mark.parametrize(
    "override",
    [
        "http://agents.example.com",
        "http://10.0.0.7:8080",
        "http://0.0.0.0:8080",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.1",
        "http://2130706433",
        "http://[::2]:8080",
        "http://[::ffff:10.0.0.7]",
    ],
)
def test_plain_http_to_another_machine_is_refused(override: str) -> None:
    with pytest.raises(ConfigurationError, match="would send credentials unencrypted; use https"):
        endpoint_for(ARN, override)


@pytest.mark.parametrize(
    "override",
    [
        "",
        "agents.example.com",
        "ftp://agents.example.com",
        "wss://agents.example.com",
        "https://",
        "https:///runtimes",
        "https://agents.example.com:0",
        "https://agents.example.com:65536",
        "https://agents.example.com:port",
        "https://agents\nexample.com",
        "https://_.xn--.example.com",
        "https://[xn--1",
        f"https://{'a' * 64}.example.com",
        "https://agents..example.com",
        "https://agents.example.com/\ud800",
    ],
)
def test_what_is_no_url_is_refused(override: str) -> None:
    with pytest.raises(ConfigurationError, match="not an endpoint URL"):
        endpoint_for(ARN, override)


@pytest.mark.parametrize(
    "override",
    [
        "https://user:s3cret@agents.example.com",
        "https://s3cret@agents.example.com",
        "https://agents.example.com?token=s3cret",
        "https://agents.example.com/#s3cret",
        "https://agents.example.com\\@s3cret.example.com",
        "http://127.0.0.1?",
    ],
)
def test_user_name_query_and_fragment_are_refused_and_not_repeated(override: str) -> None:
    with pytest.raises(ConfigurationError, match="no user name, password, query or fragment") as caught:
        endpoint_for(ARN, override)

    assert "s3cret" not in str(caught.value)


def test_the_standard_partition_needs_no_botocore() -> None:
    code = (
        "import sys\n"
        "from agentcore_mcp.runtime.endpoints import endpoint_for\n"
        "from agentcore_mcp.wire.requests import RuntimeArn\n"
        "endpoint_for(RuntimeArn('aws', 'us-west-2', '123456789012', 'demo'))\n"
        "print('botocore' in sys.modules)\n"
        "endpoint_for(RuntimeArn('aws-cn', 'cn-north-1', '123456789012', 'demo'))\n"
        "print('botocore' in sys.modules)\n"
    )

    assert printed(code)[0].split() == ["False", "True"]
