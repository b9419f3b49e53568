"""Files that a database can be rebuilt from: manifests, and proofs as `credanchor proof get` writes them."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final

from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import proof_from_json
from anchoring.core.rebuilding import ManifestSource, ProofSource, Refused, Sources
from anchoring.core.strict_json import parse
from anchoring.errors import InvalidInput, MalformedProof, Misconfigured
from anchoring.manifests.folder import is_manifest, read_manifest
from anchoring.manifests.sealed_box import ManifestKey

PROOF_MAX_BYTES: Final = 64 * 1024


def find_sources(paths: Sequence[Path], read_key: Callable[[], ManifestKey]) -> Sources:
    """Files by themselves, and those in folders; told apart by how they begin. The key is read if there is a manifest.

    Raises: Misconfigured when a path is not there, and what `read_key` raises.
    """
    sources, key = Sources(), cache(read_key)
    for path in _files(paths):
        try:
            if is_manifest(path):
                sources.manifests.append(ManifestSource(name=str(path), pieces=partial(read_manifest, path, key())))
            else:
                sources.proofs.append(ProofSource(name=str(path), proof=_proof_in(path)))
        except InvalidInput as refused:
            sources.refused.append(Refused(name=str(path), reason=refused.message))
    return sources


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        try:
            path.stat()
            yield from sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
        except OSError as failed:
            raise Misconfigured(f"{path} cannot be read: {failed.strerror}") from failed


def _proof_in(path: Path) -> InclusionProof:
    try:
        with path.open("rb") as file:
            return proof_from_json(parse(file.read(PROOF_MAX_BYTES)))
    except OSError as failed:
        raise InvalidInput(f"cannot be read: {failed.strerror}") from failed
    except (InvalidInput, MalformedProof) as malformed:
        raise InvalidInput(f"neither a manifest nor a proof: {malformed.message}") from malformed
