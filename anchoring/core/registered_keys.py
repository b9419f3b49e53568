"""Public keys that are known beforehand, because their issuer registered them."""

from collections.abc import Mapping

from anchoring.core.status_codec import StatusErrorCode, StatusListError


class RegisteredKeys:
    """Implements ports.KeySource. `keys`: absolute DID URL to Multikey."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys

    def public_key(self, verification_method: str) -> str:
        if verification_method not in self._keys:
            message = f"{verification_method} is not a key that the issuer registered and has in use"
            raise StatusListError(StatusErrorCode.VERIFICATION, message)
        return self._keys[verification_method]
