"""A list that its issuer signs elsewhere, and uploads."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from anchoring.core.status import StatusBits, StatusPurpose
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.ports.signing import KeyKind
from anchoring.signing.data_integrity import add_proof
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner
from anchoring.types import parse_list_id
from anchoring.usecases.manage_status_keys import add_status_key
from tests.api import PUBLIC_URL, Api
from tests.factories import NOON, UNIVERSITY

TTL_S = 300


class OwnList:
    """A list of the university, which signs it elsewhere."""

    def __init__(self, api: Api, folder: Path, purpose: StatusPurpose = StatusPurpose.REVOCATION) -> None:
        self.api = api
        self._ring = ring = KeyRing(folder / "issuer", None)
        with api.store.writing() as uow:
            for kind in KeyKind:
                name = f"{UNIVERSITY}#{kind}"
                key = ring.create(kind, issuer=UNIVERSITY, kid=name, now=NOON)
                add_status_key(uow, api.issuer, name, key.multikey, now=NOON)
            uow.commit()
        self._signer = RingSigner(ring, cryptosuite="eddsa-jcs-2022", ebsi_schema="https://schemas.example/x")
        self.purpose = purpose
        self.made: dict[str, Any] = api.post("/v1/status-lists", {"purpose": purpose, "signedBy": "issuer"}).json()
        self.path = str(self.made["url"]).removeprefix(PUBLIC_URL)

    def signed(
        self,
        *indexes: int,
        at: datetime = NOON,
        form: ListForm = ListForm.BITSTRING_JSON,
        valid_s: int = 86_400,
        ttl_s: int = TTL_S,
    ) -> bytes:
        bits = StatusBits.clear(self.made["entries"])
        for index in indexes:
            bits.change(index, is_set=True)
        content = ListToSign(
            list_id=parse_list_id(self.made["list"]),
            url=self.made["url"],
            issuer=UNIVERSITY,
            purpose=self.purpose,
            bits=bits,
            signed_at=at,
            valid_until=at + timedelta(seconds=valid_s),
            ttl_s=ttl_s,
        )
        return self._signer.sign(content, form)

    def resigned(self, content: bytes, *, at: datetime) -> bytes:
        """The same list, valid from the same time on, with a proof made later."""
        document = json.loads(content)
        del document["proof"]
        key = self._ring.signing_key(KeyKind.ED25519, UNIVERSITY)
        assert key is not None
        assert key.private is not None
        return json.dumps(add_proof(document, key.private, self._ring.proof_method(key), "eddsa-jcs-2022", at)).encode()

    def put(self, content: bytes, media_type: str = "application/vc", *, key: str | None = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key or self.api.key}", "Content-Type": media_type}
        return self.api.client.put(self.path, content=content, headers=headers)
