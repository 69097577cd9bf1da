"""Which models are local, and who may be sent what."""

import socket
from typing import Any

import pytest
from inspect_ai.model import get_model

from spinebench.errors import DataError, UsageError
from spinebench.evaluation.terms import check_terms, is_local, parse_sources
from tests.evaluation.conftest import TERMS

MANIFEST = {"sources": {name: {"terms": terms} for name, terms in TERMS.items()}}
_VARIABLES = ("OPENAI_BASE_URL", "OPENAI_API_BASE", "INSPECT_EVAL_MODEL_BASE_URL", "LOCAL_BASE_URL")


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "LOCAL", "OLLAMA", "LLAMA_CPP_PYTHON"):
        monkeypatch.setenv(f"{name}_API_KEY", "none")
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


def local(model: str, **options: Any) -> bool:
    return is_local(get_model(model, memoize=False, **options))


@pytest.mark.parametrize(
    "model", ["mockllm/model", "spinebench/random", "none", "ollama/llava", "llama-cpp-python/x"]
)
def test_local_by_provider(model: str) -> None:
    assert local(model)


def test_remote_by_provider() -> None:
    assert not local("openai/gpt-4o")
    assert not local("ollama/qwen3-vl:235b-cloud")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://10.1.2.3/v1", True),
        ("http://192.168.0.7:1234/v1", True),
        ("https://172.20.0.1/v1", True),
        ("https://8.8.8.8/v1", False),
        ("https://172.32.0.1/v1", False),
        ("https://127.0.0.1.example.org/v1", False),
        ("https://localhost@8.8.8.8/v1", False),
    ],
)
def test_local_by_address(monkeypatch: pytest.MonkeyPatch, address: str, expected: bool) -> None:
    def resolve(host: str, port: object) -> list[Any]:
        if host != "localhost":
            raise OSError("no such name")
        return [(0, 0, 0, "", ("127.0.0.1", 0)), (0, 0, 0, "", ("::1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert local("openai/gpt-4o", base_url=address) is expected
    monkeypatch.setenv("LOCAL_BASE_URL", address)
    assert local("openai-api/local/tiny") is expected


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "INSPECT_EVAL_MODEL_BASE_URL"])
def test_addresses_from_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1/v1")
    assert local("openai/gpt-4o")
    monkeypatch.setenv(variable, "http://8.8.8.8/v1")
    assert not local("openai/gpt-4o")


def test_a_name_is_local_only_if_all_its_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"gpu01": ["10.0.0.4"], "split": ["10.0.0.4", "8.8.8.8"]}
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port: [(0, 0, 0, "", (a, 0)) for a in answers[host]]
    )
    assert local("openai/x", base_url="http://gpu01:8000/v1")
    assert not local("openai/x", base_url="http://split:8000/v1")


def test_anothers_provider_does_not_pass_under_a_local_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = get_model("mockllm/model", memoize=False)
    monkeypatch.setattr(type(model.api), "__module__", "somebody.provider")
    assert not is_local(model)


def test_terms_stop_a_remote_model_and_name_themselves() -> None:
    remote = get_model("openai/gpt-4o", memoize=False)
    with pytest.raises(UsageError) as raised:
        check_terms(remote, ["rsna", "vindr"], MANIFEST, [])
    assert str(raised.value) == (
        "openai/gpt-4o runs elsewhere, and these terms forbid sending images to third parties: "
        "vindr (PhysioNet Credentialed 1.5, https://example.org/vindr: No sharing with third "
        "parties.). If you have settled this with whoever gave you the images: "
        "--accept-terms vindr (inspect eval: -T accept_terms=SOURCE)"
    )


def test_terms_let_pass_what_may_pass() -> None:
    remote = get_model("openai/gpt-4o", memoize=False)
    check_terms(remote, ["rsna"], MANIFEST, [])
    check_terms(remote, ["rsna", "vindr"], MANIFEST, ["vindr"])
    check_terms(get_model("mockllm/model"), ["rsna", "vindr"], MANIFEST, [])


def test_accepting_one_source_is_not_accepting_another() -> None:
    remote = get_model("openai/gpt-4o", memoize=False)
    with pytest.raises(UsageError, match=r"parties: vindr \("):
        check_terms(remote, ["rsna", "vindr"], MANIFEST, ["rsna"])
    with pytest.raises(UsageError, match=r"--accept-terms vndr: no such source.*rsna, vindr"):
        check_terms(remote, ["rsna"], MANIFEST, ["vndr"])


def test_a_source_without_terms_is_an_error() -> None:
    with pytest.raises(DataError, match=r"sources\.rsna\.terms: found nothing"):
        check_terms(get_model("mockllm/model"), ["rsna"], {"sources": {"rsna": {}}}, [])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ()), ("", ()), ("vindr", ("vindr",)), ("a, b", ("a", "b")), (["a", "b"], ("a", "b"))],
)
def test_sources_from_a_task_argument(value: Any, expected: tuple[str, ...]) -> None:
    assert parse_sources(value) == expected
