"""Pages in five languages, and what they may load."""

import json
import re
from collections.abc import Set as AbstractSet
from typing import Final

import pytest

from service.web_pages import LANGUAGES, WEB, assets, choose_language, messages, page, policy, url_in_cookie

PAGE_CODE: Final = ("verify_page.js", "result_view.js", "asking.js", "given.js", "entered.js", "i18n.js", "status_page.js")
BY_KEY: Final = re.compile(
    r"\b(?:say|has|tile|plot|button)\('([a-z][a-zA-Z0-9 .-]*)'|'((?:[cefvs]|node|registry|contract|r|share|progress|status|unknown)\.[a-zA-Z0-9 .-]+)'"
)
MADE: Final = {"v", "v.text", "e", "e.text", "c", "c.outcome", "s.result"}


def keys_in_code() -> AbstractSet[str]:
    """Every key that pages name in full; those that they put together are in `test_every_key_is_used`."""
    html = "".join(path.read_text(encoding="utf-8") for path in WEB.glob("*.html"))
    code = "".join((WEB / name).read_text(encoding="utf-8") for name in PAGE_CODE)
    named = {one or other for one, other in BY_KEY.findall(code)}
    return (
        named
        | set(re.findall(r'data-t(?:-label)?="([^"]+)"', html))
        | (set(re.findall(r"\{\{([^}]+)\}\}", html)) - {"lang", "languages"})
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalogue_has_the_same_keys_and_placeholders(language):
    ours, english = messages(language), messages("en")

    assert list(ours) == list(english)
    for key, text in ours.items():
        assert text.strip(), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key
    untranslated = [key for key in ours if language != "en" and ours[key] == english[key]]
    assert len(untranslated) <= 2, untranslated


def test_every_key_that_a_page_names_is_in_the_catalogue():
    assert keys_in_code() <= set(messages("en")), keys_in_code() - set(messages("en"))


def test_every_key_is_used():
    composed = (
        "v.",
        "e.",
        "c.",
        "f.accreditation.",
        "r.",
        "f.match.",
        "node.none",
        "registry.none",
        "contract.none",
        "qr.photo",
        "s.done",
        "s.interrupted",
        "s.failed",
        "passed",
        "failed",
        "cannot tell",
        "what.",
    )
    unused = {key for key in messages("en") if key not in keys_in_code() and not key.startswith(composed)}

    assert unused == set()


def test_every_verdict_and_check_has_its_words():
    judged, shown = ((WEB / name).read_text(encoding="utf-8") for name in ("judgement.js", "result_view.js"))
    of_validity = re.search(r"OF_VALIDITY = \{(.*?)\}", judged)
    assert of_validity
    verdicts = set(re.findall(r"key: '(\w+)'", judged)) | set(re.findall(r"'(\w+)'", of_validity[1]))
    verdicts |= {"revoked", "suspended", "revoked.handed", "suspended.handed", "signature", "unaccredited", "notfinal", "service"}
    verdicts |= {"unknown", "choice", "files"}
    english = messages("en")

    assert {f"v.{verdict}{part}" for verdict in verdicts for part in ("", ".text")} <= set(english)
    named = set(re.findall(r"'(?:v\.)?(\w+)[\w.]*'", judged + shown))
    assert {key.split(".")[1] for key in english if key.startswith("v.")} <= named
    checks = {key.split(".")[1] for key in english if key.startswith("c.")}
    assert checks == set(json.loads(json.dumps(re.findall(r"'([a-z-]+)'", _checks_in_module()))))


def _checks_in_module() -> str:
    module = (WEB / "verify.js").read_text(encoding="utf-8")
    found = re.search(r"CHECKS = Object\.freeze\(\[(.*?)\]\)", module, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("asked", "accepted", "chosen"),
    [
        (None, "", "en"),
        (None, "de-DE,de;q=0.9", "en"),
        (None, "de, gl-ES;q=0.8, es;q=0.9", "es"),
        (None, "eu", "eu"),
        (None, "ca;q=0, es;q=0.1", "es"),
        (None, "EU-es", "eu"),
        ("ca", "eu", "ca"),
        ("xx", "eu", "eu"),
        ("../../x", "nonsense;;;,,", "en"),
    ],
)
def test_language_is_the_one_asked_for_or_the_readers(asked, accepted, chosen):
    assert choose_language(asked, accepted) == chosen


@pytest.mark.parametrize("name", ["verify", "status"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_whole_and_has_nothing_inline(name, language):
    text = page(name, language, "digest=0x00&issuer=%22%3Cscript%3E").content.decode()

    assert f'<html lang="{language}">' in text
    assert not re.search(
        r"\{\{|\sstyle=|\son[a-z]+=|<style|<script>|https?://(?!www\.w3\.org)", text.replace('placeholder="https://', "")
    )
    assert text.count('aria-current="true"') == 1
    assert 'issuer=%22%3Cscript%3E"' in text
    assert set(re.findall(r'(?:href|src)="/web/([^"]+)"', text)) <= set(assets())


@pytest.mark.parametrize(("name", "module"), [("verify", "verify_page.js"), ("status", "status_page.js")])
def test_page_names_every_module_that_it_needs_at_once(name, module):
    """So that none waits for the one before it."""
    needed, left = set(), [module]
    while left:
        imported = re.findall(r"^import [^;]*? from '\./([^']+)'", (WEB / left.pop()).read_text(encoding="utf-8"), re.MULTILINE)
        left += [one for one in imported if one not in needed]
        needed |= set(imported)

    named = re.findall(r'rel="modulepreload" href="/web/([^"]+)"', page(name, "en", "").content.decode())

    assert sorted(named) == sorted(needed)


def test_policy_lets_a_page_ask_this_service_and_the_nodes_and_nobody_else():
    rules = dict(rule.split(" ", 1) for rule in policy("https://node.example/rpc", None, "http://127.0.0.1:8545").split("; "))

    assert rules["connect-src"] == "'self' https://node.example http://127.0.0.1:8545"
    assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["img-src"] == "'self'"
    assert policy(None).count("connect-src 'self';") == 1


@pytest.mark.parametrize(
    ("cookie", "node"),
    [
        (None, None),
        ("", None),
        ("https%3A%2F%2Fnode.example%2Frpc", "https://node.example/rpc"),
        ("http%3A%2F%2F127.0.0.1%3A8545", "http://127.0.0.1:8545"),
        ("https%3A%2F%2Fnode.example%3B%20script-src%20*", None),
        ("https%3A%2F%2Fuser%40node.example", None),
        ("*", None),
        ("javascript%3Aalert(1)", None),
        ("https%3A%2F%2F*.example", None),
        ("http%3A%2F%2F%5B1%3A2%3A3%5D%2F", None),
        ("http%3A%2F%2F%5B%3A%3A1%5D%3A8545", None),
        ("http%3A%2F%2F127.0.0.1%3A99999", None),
    ],
)
def test_cookie_names_a_node_or_nothing(cookie, node):
    assert url_in_cookie(cookie) == node


def test_assets_are_what_pages_load_and_nothing_else():
    served = set(assets())

    assert {
        "verify.js",
        "accreditation.js",
        "verify_page.js",
        "status_page.js",
        "i18n.js",
        "judgement.js",
        "page.css",
        "icon.svg",
    } <= served
    assert {f"messages/{language}.json" for language in LANGUAGES} <= served
    assert {"bundle.js", "pdf.js", "noble/keccak.js", "noble/secp256k1.js"} <= served
    assert not any(name.endswith((".html", "package.json", ".py")) for name in served)
