"""What nodes answer, right and odd, is taken alike by the verifiers in Python and JavaScript; neither stops with an error of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

import anchoring
from anchoring.core.finality import parse_finality
from anchoring.core.proof import parse_registry
from anchoring.core.proof_json import parse_proof
from anchoring.core.report import CheckName
from anchoring.core.status_judgement import StatusFindings
from anchoring.core.verification import verify
from anchoring.errors import InvalidInput
from anchoring.ledger.registry_reader import ANCHORED_TOPIC, EvmRegistryReader
from anchoring.ledger.rpc import JsonRpc
from anchoring.usecases.gather_evidence import evidence_from_node
from scripts.signed_credentials import NOW
from tests.integration.test_verify_js import CREDENTIAL, PROOF, REGISTRY, b64, judged

ANCHOR = PROOF["anchor"]
TIME = int(parse_proof(json.dumps(PROOF).encode()).anchor.anchored_at.timestamp())
CODE = json.loads(Path("anchoring/ledger/artifacts/AnchorRegistry.json").read_bytes())["deployedBytecode"]
OTHER = "0x" + "11" * 32
BODY = {"credential": b64(CREDENTIAL), "proof": b64(json.dumps(PROOF).encode())}
ONLINE = {"registry": REGISTRY, "finality": "depth:0", "now": NOW.isoformat()}


def word(number: int) -> str:
    return f"{number:064x}"


def topics(*, event: str = ANCHORED_TOPIC, root: str = PROOF["root"], sequence: int = ANCHOR["sequence"]) -> list[str]:
    return [event, root, "0x" + word(sequence), "0x" + word(0xA7)]


OWN = {
    "address": ANCHOR["contract"],
    "topics": topics(),
    "data": "0x" + word(PROOF["treeSize"]),
    "transactionHash": ANCHOR["transaction"],
    "blockNumber": hex(ANCHOR["blockNumber"]),
    "blockHash": ANCHOR["blockHash"],
}


@dataclass(frozen=True)
class Answers:
    """What JsonRpc would answer, of a node with these logs."""

    logs: Any = (OWN,)
    results: Mapping[str, Any] = field(default_factory=dict)
    host: str = "node.example"

    def read(self, method: str, *params: Any) -> Any:
        if method in self.results:
            return self.results[method]
        match method:
            case "eth_chainId":
                return hex(31337)
            case "eth_getCode":
                return CODE
            case "eth_getBlockByNumber":
                return {"number": hex(ANCHOR["blockNumber"]), "hash": ANCHOR["blockHash"], "timestamp": hex(TIME)}
            case "eth_call":
                return "0x" + "".join(map(word, (ANCHOR["sequence"], TIME, ANCHOR["blockNumber"], PROOF["treeSize"])))
            case _:
                return list(self.logs) if isinstance(self.logs, tuple) else self.logs


def root_in_python(answers: Answers) -> str:
    proof, pinned = parse_proof(json.dumps(PROOF).encode()), parse_registry(REGISTRY)
    reader = EvmRegistryReader(cast(JsonRpc, answers), pinned)
    evidence = evidence_from_node(reader, proof.root, parse_finality("depth:0"))
    status = StatusFindings(lists=())
    report = verify(proof, credential=None, pinned=pinned, evidence=evidence, status=status, signature=None, now=NOW)
    return next(one.outcome for one in report.checks if one.name is CheckName.ROOT)


def in_javascript(**node: Any) -> dict[str, Any]:
    """A case of this node, which else answers as ours does."""
    known = {"isUp": True, "block": [ANCHOR["blockNumber"], ANCHOR["blockHash"], TIME], "heads": {}}
    anchor = [ANCHOR["sequence"], TIME, ANCHOR["blockNumber"], PROOF["treeSize"], ANCHOR["transaction"]]
    return BODY | {"options": ONLINE, "copies": [], "web": {}, "node": known | {"anchor": anchor} | node}


def roots_of(cases: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Outcome and reason of `root`."""
    found = [next(one for one in report["checks"] if one["check"] == "root") for report in judged("status", cases)]
    return [(one["outcome"], one["reason"]) for one in found]


LOGS: tuple[tuple[Any, str], ...] = (
    ([OWN], "passed"),
    ([OWN | {"topics": topics(root=OTHER, sequence=8)}, OWN], "passed"),
    ([OWN | {"address": "0x" + "33" * 20, "topics": []}, OWN], "passed"),
    ([OWN | {"topics": [*topics(), OTHER]}], "passed"),
    ([OWN | {"data": "0x" + word(PROOF["treeSize"] + 1)}], "failed"),
    ([OWN | {"transactionHash": OTHER}], "failed"),
    ([OWN | {"blockNumber": hex(ANCHOR["blockNumber"] + 1)}], "failed"),
    ([], "cannot tell"),
    ({}, "cannot tell"),
    ("0x", "cannot tell"),
    ([None], "cannot tell"),
    ([5], "cannot tell"),
    ([[]], "cannot tell"),
    ([{}], "cannot tell"),
    ([OWN, None], "cannot tell"),
    ([OWN | {"address": 5}], "cannot tell"),
    ([OWN | {"address": "0x" + "33" * 20}], "cannot tell"),
    ([OWN | {"topics": topics(root=OTHER)}], "cannot tell"),
    ([OWN | {"topics": topics(event=OTHER)}], "cannot tell"),
    ([OWN | {"topics": topics(sequence=8)}], "cannot tell"),
    ([OWN | {"topics": [*topics()[:2], "zz", topics()[3]]}], "cannot tell"),
    ([OWN | {"topics": topics()[:3]}], "cannot tell"),
    ([OWN | {"topics": [*topics()[:3], 5]}], "cannot tell"),
    ([OWN | {"topics": None}], "cannot tell"),
    ([OWN | {"data": "0x"}], "cannot tell"),
    ([OWN | {"data": "0x" + word(2**64)}], "cannot tell"),
    ([OWN | {"data": 5}], "cannot tell"),
    ([OWN | {"transactionHash": "0x11"}], "cannot tell"),
    ([OWN | {"blockNumber": None}], "cannot tell"),
    ([OWN | {"blockHash": "0x"}], "cannot tell"),
    ([OWN | {"blockHash": OTHER}], "cannot tell"),
    ([OWN | {"removed": True}], "cannot tell"),
    ([OWN | {"removed": False}], "passed"),
    ([OWN | {"removed": True}, OWN], "passed"),
)
BLOCK = {"number": hex(ANCHOR["blockNumber"]), "hash": ANCHOR["blockHash"], "timestamp": hex(TIME)}
RECORD = "".join(map(word, (ANCHOR["sequence"], TIME, ANCHOR["blockNumber"], PROOF["treeSize"])))
RESULTS: tuple[tuple[str, Any, str], ...] = (
    ("eth_chainId", "0x07A69", "passed"),
    *(("eth_chainId", one, "cannot tell") for one in ("0X7a69", "0x7a_69", " 0x7a69", "7a69", "0x", "31337", 31337, None, True)),
    ("eth_getCode", "0x" + CODE[2:].upper(), "passed"),
    *(("eth_getCode", one, "cannot tell") for one in (CODE[2:], "0X" + CODE[2:], CODE + "00", CODE + "0", "0x", "", None)),
    ("eth_call", f"0x{RECORD.upper()}", "passed"),
    *(("eth_call", f"0x{one}", "cannot tell") for one in (RECORD + word(0), RECORD[64:], RECORD + "0", "", f" {RECORD}")),
    *(("eth_call", one, "cannot tell") for one in (RECORD, f"0X{RECORD}", None, 5)),
    *(
        ("eth_getBlockByNumber", BLOCK | one, "cannot tell")
        for one in (
            {"number": "0x" + "f" * 20},
            {"number": "0x1_0"},
            {"timestamp": "0x" + "f" * 20},
            {"hash": "0x11"},
            {"hash": None},
        )
    ),
)


def test_logs_of_a_node_are_taken_alike():
    expected = [outcome for _, outcome in LOGS]

    assert [root_in_python(Answers(logs)) for logs, _ in LOGS] == expected
    assert [outcome for outcome, _ in roots_of([in_javascript(logs=logs) for logs, _ in LOGS])] == expected


def test_odd_answers_of_a_node_are_taken_alike():
    expected = [outcome for *_, outcome in RESULTS]
    given = [{method: result} for method, result, _ in RESULTS]

    found = [root_in_python(Answers(results=one)) for one in given]
    theirs = [outcome for outcome, _ in roots_of([in_javascript(results=one) for one in given])]

    told = list(zip(RESULTS, found, theirs, strict=True))
    assert [one for one in told if one[1:] != (one[0][2],) * 2] == []
    assert found == theirs == expected


def test_module_takes_an_answer_of_its_own_call_alone_as_python_does():
    odd: list[dict[str, Any]] = [
        {"answer": {"id": 999}},
        {"answer": {"error": 0}},
        {"answer": {"error": {}}},
        {"status": 500},
        {"status": 203},
    ]
    odd += [{"answer": {"error": {"message": "no " * 100}}}]

    found = roots_of([in_javascript(**one) for one in odd])

    assert {outcome for outcome, _ in found} == {"cannot tell"}
    assert [reason.rpartition(": ")[2][:30] for _, reason in found] == [
        "another call's answer",
        "neither result nor error",
        "neither result nor error",
        "the answer was 500",
        "the answer was 203",
        ("no " * 10)[:30],
    ]


@pytest.mark.parametrize("what", ["node", "list"])
def test_module_gives_up_an_answer_that_drips_without_end(what):
    [reason] = judged("drip", [BODY | {"options": ONLINE, "what": what}])

    assert "no whole answer in 15 s" in reason


@pytest.mark.parametrize("url", ["nonsense", "", "ftp://node.example", "http://node.example:0", "http://[::1", "http://"])
def test_what_is_no_url_of_a_node_is_refused_in_either_language(url):
    with pytest.raises(InvalidInput) as refused:
        anchoring.verify(CREDENTIAL, PROOF, registry=REGISTRY, rpc_url=url)
    [verdict] = judged("verify", [BODY | {"options": {"registry": REGISTRY, "rpcUrl": url}}])

    assert refused.value.at == "rpc_url"
    assert verdict == {"error": {"slug": "invalid-input", "at": "rpcUrl"}}
