"""Pictures as they arrive in a message: inlined, as the file's own bytes."""

import base64
import binascii


def read_data_uri(data_uri: str) -> bytes:
    """Bytes of an inlined image; Inspect never hands on a path or an address."""
    head, _, body = data_uri.partition(";base64,")
    if not head.startswith("data:"):
        raise ValueError("the image did not arrive inlined")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError("the image is not valid base64") from error
