"""How long a worker goes by what it knows of an API key."""

import pytest

from anchoring.core.issuer import parse_api_key
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.manage_issuers import revoke_key
from service.known_keys import MOST_KEYS
from tests.api import make_key, running
from tests.factories import NOON


def revoke(store: SqlStore, key: str) -> None:
    with store.writing() as uow:
        revoke_key(uow, parse_api_key(key).prefix, now=NOON)
        uow.commit()


def test_revoked_key_opens_nothing_once_what_was_known_of_it_is_old(store):
    with running(store, key_cache_s=2.0) as api:
        assert api.post_numbers(1).status_code == 202
        revoke(store, api.key)
        api.clock.advance(1.9)
        assert api.post_numbers(2).status_code == 202
        api.clock.advance(0.1)
        assert api.post_numbers(3).status_code == 401


def test_revoked_key_opens_nothing_at_once_where_nothing_is_kept(store):
    with running(store, key_cache_s=0) as api:
        assert api.post_numbers(1).status_code == 202
        revoke(store, api.key)
        assert api.post_numbers(2).status_code == 401


def test_keys_that_do_not_open_are_asked_for_each_time_and_never_kept(store):
    with running(store) as api:
        keys = api.app.state.service.keys
        for _ in range(3):
            assert api.client.post("/v1/digests", headers={"Authorization": "Bearer ca_0000"}).status_code == 401
        assert keys._known == {}


def test_many_keys_take_bounded_memory(store, monkeypatch: pytest.MonkeyPatch):
    assert MOST_KEYS > 100
    monkeypatch.setattr("service.known_keys.MOST_KEYS", 3)
    with running(store) as api:
        for key in [make_key(store, api.issuer) for _ in range(7)]:
            assert api.client.get("/healthz").status_code == 200
            posted = api.client.post("/v1/digests", json={"digests": ["11" * 32]}, headers={"Authorization": f"Bearer {key}"})
            assert posted.status_code == 202
        assert 1 <= len(api.app.state.service.keys._known) <= 3
