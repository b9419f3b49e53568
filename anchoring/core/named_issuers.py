"""Where a credential says who issued it (docs/digests.md, section 5)."""

from collections.abc import Iterator, Mapping

from anchoring.core.strict_json import JsonValue


def named_issuers(claims: Mapping[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    """The members `iss`, `issuer` and `vc.issuer` that name somebody, and whom: any value. No object without `id` does."""
    envelope = claims.get("vc")
    for place, holder, name in (("iss", claims, "iss"), ("issuer", claims, "issuer"), ("vc.issuer", envelope, "issuer")):
        if not isinstance(holder, Mapping) or name not in holder:
            continue
        value = holder[name]
        if isinstance(value, Mapping):
            if "id" not in value:
                continue
            value = value["id"]
        yield place, value
