"""QR codes as images: what a phone's camera reads and opens."""

import io
from typing import Final

import segno

from anchoring.core.permalink import ImageKind

QUIET_ZONE: Final = 4
"""Modules around it that stay white, as ISO/IEC 18004 asks."""

PIXELS: Final = 8
"""Of a module in a PNG: an address of 200 characters becomes about 2.5 cm at 300 dots per inch, and scales."""


def draw_qr(text: str, kind: ImageKind) -> bytes:
    """An image of a code with error correction M, black on white whatever it lies on."""
    code, image = segno.make_qr(text, error="m"), io.BytesIO()
    if kind is ImageKind.SVG:
        code.save(image, kind="svg", border=QUIET_ZONE, scale=PIXELS, light="#fff", svgclass=None, lineclass=None)
    else:
        code.save(image, kind="png", border=QUIET_ZONE, scale=PIXELS)
    return image.getvalue()
