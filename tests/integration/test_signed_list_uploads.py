"""Lists that an issuer signs itself and uploads, on every database."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose
from anchoring.core.status_change import StatusAction
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.errors import Conflict, NotFound
from anchoring.ports.signing import KeyKind
from anchoring.ports.status_lists import Place, SignedBy, SignedForm
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner, SignedLists
from anchoring.types import ListId
from anchoring.usecases.manage_status_keys import add_status_key, retire_status_key
from anchoring.usecases.take_signed_list import take_signed_list
from tests.factories import ACADEMY, NOON, UNIVERSITY, add_issuer

KID = f"{UNIVERSITY}#k1"
URL = "https://anchors.example/v1/status-lists/1"
REVOCATION, SUSPENSION = StatusPurpose


class Issuer:
    """An issuer that signs its own list, elsewhere."""

    def __init__(self, store, folder: Path, purpose: StatusPurpose = REVOCATION) -> None:
        self.store = store
        self.ring = KeyRing(folder / "issuer", None)
        self.record = add_issuer(store)
        with store.writing() as uow:
            for kind in KeyKind:
                key = self.ring.create(kind, issuer=UNIVERSITY, kid=f"{KID}-{kind}", now=NOON)
                add_status_key(uow, self.record, f"{KID}-{kind}", key.multikey, now=NOON)
            self.list = uow.status_lists.create(self.record, purpose, MIN_ENTRIES, SignedBy.ISSUER, NOON)
            uow.commit()

    def says(self, *indexes: int, hours: int = 0, form: ListForm = ListForm.BITSTRING_JSON, **other) -> SignedForm:
        bits = StatusBits.clear(MIN_ENTRIES)
        for index in indexes:
            bits.change(index, is_set=True)
        signed_at = NOON + timedelta(hours=hours)
        content = ListToSign(
            list_id=self.list.list_id,
            url=URL,
            issuer=UNIVERSITY,
            purpose=self.list.purpose,
            bits=bits,
            signed_at=signed_at,
            valid_until=signed_at + timedelta(days=1),
            ttl_s=300,
        )
        signer = RingSigner(self.ring, cryptosuite="eddsa-jcs-2022", ebsi_schema="https://schemas.example/x")
        return SignedForm(content=signer.sign(replace(content, **other), form), media_type=form.media_type)

    def upload(self, form: SignedForm, *, hours: int = 0, list_id: ListId | None = None) -> int:
        now = NOON + timedelta(hours=hours)
        with self.store.writing() as uow:
            changed = take_signed_list(
                uow, self.record, list_id or self.list.list_id, form, SignedLists(), url=URL, now=now, requested_by="12345678"
            )
            uow.commit()
        return changed

    def published(self) -> tuple[list[int], SignedForm | None]:
        with self.store.reading() as uow:
            return list(uow.status_lists.bits(self.list.id).indexes()), uow.status_lists.signed_form(self.list.id)


@pytest.mark.parametrize("form", ListForm)
def test_uploaded_list_is_published_and_its_changes_recorded(form, store, tmp_path):
    issuer = Issuer(store, tmp_path)
    first, second = issuer.says(3, form=form), issuer.says(3, 9, 131_071, hours=1, form=form)
    assert [issuer.upload(first), issuer.upload(first), issuer.upload(second, hours=1)] == [1, 0, 2]
    assert issuer.published() == ([3, 9, 131_071], second)
    with store.reading() as uow:
        [change] = uow.status_changes.history(Place(issuer.list.id, 9))
        found = uow.status_lists.find(issuer.list.list_id)
    assert (change.action, change.number, change.applied_at) == (StatusAction.REVOKE, 1, NOON + timedelta(hours=1))
    assert (found.change_count, found.versioned_count) == (3, 0), "the next round makes a version of it"


def test_suspension_is_lifted_by_an_upload_and_a_revocation_is_not(store, tmp_path):
    issuer = Issuer(store, tmp_path, SUSPENSION)
    issuer.upload(issuer.says(3))
    assert issuer.upload(issuer.says(hours=1), hours=1) == 1
    with store.reading() as uow:
        actions = [change.action for change in uow.status_changes.history(Place(issuer.list.id, 3))]
    assert actions == [StatusAction.SUSPEND, StatusAction.REINSTATE]


def test_revocation_is_for_good(store, tmp_path):
    issuer = Issuer(store, tmp_path)
    first = issuer.says(3)
    issuer.upload(first)
    with pytest.raises(Conflict, match="lifts the revocation at index 3"):
        issuer.upload(issuer.says(4, hours=1), hours=1)
    assert issuer.published() == ([3], first)


def test_older_list_does_not_come_back(store, tmp_path):
    issuer = Issuer(store, tmp_path, SUSPENSION)
    old, new = issuer.says(3), issuer.says(hours=1)
    issuer.upload(old)
    issuer.upload(new, hours=1)
    with pytest.raises(Conflict, match="signed later is published already"):
        issuer.upload(old, hours=1)
    assert issuer.published() == ([], new)


@pytest.mark.parametrize(
    ("other", "code", "words"),
    [
        ({"url": URL + "2"}, StatusErrorCode.VERIFICATION, "is published as"),
        ({"purpose": SUSPENSION}, StatusErrorCode.VERIFICATION, "not for revocation"),
        ({"bits": StatusBits.clear(MIN_ENTRIES + 8)}, StatusErrorCode.LENGTH, "has 131080 entries, not 131072"),
        ({"signed_at": NOON + timedelta(minutes=2)}, StatusErrorCode.VERIFICATION, "still to come"),
        ({"valid_until": NOON}, StatusErrorCode.VERIFICATION, "has run out"),
    ],
)
def test_list_that_does_not_fit_is_refused(other, code, words, store, tmp_path):
    issuer = Issuer(store, tmp_path)
    with pytest.raises(StatusListError, match=words) as refused:
        issuer.upload(issuer.says(**other))
    assert refused.value.code is code
    assert issuer.published() == ([], None)


def test_list_is_taken_from_its_issuer_with_a_key_in_use_only(store, tmp_path):
    issuer = Issuer(store, tmp_path)
    own = KeyRing(tmp_path / "service", None)
    own.create(KeyKind.ED25519, issuer=None, kid=None, now=NOON)
    good, issuer.ring, ring = issuer.says(3), own, issuer.ring
    with pytest.raises(StatusListError, match="is not a key that the issuer registered"):
        issuer.upload(issuer.says(3))
    issuer.ring = ring
    with store.writing() as uow:
        retire_status_key(uow, f"{KID}-ed25519", now=NOON)
        uow.commit()
    with pytest.raises(StatusListError, match="is not a key that the issuer registered and has in use"):
        issuer.upload(good)
    assert issuer.upload(issuer.says(3, form=ListForm.TOKEN_JWT)) == 1


def test_list_of_another_or_signed_by_the_service_is_not_taken(store, tmp_path):
    issuer, academy = Issuer(store, tmp_path), add_issuer(store, ACADEMY, "Academy")
    with store.writing() as uow:
        ours = uow.status_lists.create(issuer.record, REVOCATION, MIN_ENTRIES, SignedBy.SERVICE, NOON)
        theirs = uow.status_lists.create(academy, REVOCATION, MIN_ENTRIES, SignedBy.ISSUER, NOON)
        uow.commit()
    with pytest.raises(Conflict, match="is signed by this service"):
        issuer.upload(issuer.says(3), list_id=ours.list_id)
    for unknown in (theirs.list_id, ListId(bytes(32))):
        with pytest.raises(NotFound):
            issuer.upload(issuer.says(3), list_id=unknown)


def test_list_sent_as_another_form_is_refused(store, tmp_path):
    issuer = Issuer(store, tmp_path)
    token = issuer.says(3, form=ListForm.TOKEN_JWT)
    with pytest.raises(StatusListError, match=r"sent as application/vc and is application/statuslist\+jwt"):
        issuer.upload(replace(token, media_type="application/vc"))
    assert issuer.published() == ([], None)
