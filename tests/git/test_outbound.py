"""Which addresses the portal calls for a tenant. Names are resolved by the machine's real resolver."""

import ipaddress

import pytest
from pytest_django.fixtures import Settings

from accounts.errors import Unprocessable
from accounts.outbound import check_url, is_public


def code_of(url: str) -> str:
    with pytest.raises(Unprocessable) as refusal:
        check_url(url)
    return refusal.value.code


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "localhost", "localhost.", "[::1]", "[::]",
     "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1",
     "255.255.255.255", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]",
     "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[ff02::1]", "no-such-host.invalid"],
)  # fmt: skip
def test_internal_and_unknown_hosts_get_the_same_answer(host: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = []
    assert code_of(f"https://{host}/x.git") == "outbound.refused"


@pytest.mark.parametrize(
    "url",
    ["", "https://", "https:///x", "/etc/passwd", "file:///etc/passwd", "ftp://fab.example/x", "ssh://fab.example/x",
     "git@fab.example:x", "https://user:secret@fab.example/", "https://token@fab.example/", "https://fab.example:99999/",
     "https://fab.example:port/", "https://fab\n.example/", "https://fab.example/\t", "https://fab.example\\@127.0.0.1/",
     "https://-o.example/", "https://[::1/", "https://fäb.example/", "https://a b/", "https://" + "a" * 3000],
)  # fmt: skip
def test_other_forms_are_invalid(url: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    assert code_of(url) == "outbound.url_invalid"


def test_public_addresses_pass_and_are_pinned(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = []
    target = check_url("https://8.8.8.8/x.git")
    assert (target.host, target.port, target.addresses) == ("8.8.8.8", 443, ("8.8.8.8",))
    assert check_url("https://[2001:4860:4860::8888]:8443/x").curl_resolve == (
        "[2001:4860:4860::8888]:8443:[2001:4860:4860::8888]"
    )


def test_http_needs_an_exception_of_its_own(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = []
    assert code_of("http://8.8.8.8/x") == "outbound.url_invalid"
    settings.OUTBOUND_ALLOW = ["8.8.8.0/24"]
    assert check_url("http://8.8.8.8/x").port == 80


@pytest.mark.parametrize("entry", ["localhost", "LOCALHOST.", "127.0.0.0/8"])
def test_exceptions_are_hosts_addresses_and_networks(entry: str, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = [entry, "::1"]
    assert "127.0.0.1" in check_url("http://localhost:8080/x").addresses
    assert code_of("https://10.0.0.1/") == "outbound.refused"


def test_a_suffix_is_not_a_host_that_merely_ends_alike(settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = [".localhost"]
    assert code_of("https://localhost/") == "outbound.refused"
    assert code_of("https://evil-localhost/") == "outbound.refused"


@pytest.mark.parametrize(
    ("address", "public"),
    [("1.1.1.1", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True),
     ("64:ff9b::a00:1", False), ("2002:a00:1::", False), ("192.0.2.1", False), ("240.0.0.1", False)],
)  # fmt: skip
def test_forms_of_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public
