"""Settings become a place for static files."""

from anchoring.objects import ObjectFiles, open_files
from anchoring.settings import TileSettings


def open_static_files(place: str, settings: TileSettings, *, writes: bool) -> ObjectFiles:
    """A folder, or `s3://`, `gs://`, `az://`; to read from also `https://`. Raises: InvalidInput."""
    return open_files(place, parallel=settings.parallel, timeout_s=settings.timeout_s, writes=writes)
