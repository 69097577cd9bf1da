"""One question about a plain picture, to see whether a model answers at all."""

import base64
import io

from inspect_ai.model import (
    ChatMessageUser,
    ContentImage,
    ContentText,
    Model,
    ModelOutput,
)
from PIL import Image

from spinebench.errors import UsageError

QUESTION = (
    "The image is a test picture. Is it [A: a grey square, B: a photograph of a dog]? "
    "Close with one line of exactly this form:\nMy final option: [X]"
)


async def ask_about_picture(model: Model) -> ModelOutput:
    """The model's output. Raises UsageError in one line if the call fails."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (128, 128, 128)).save(stream, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    message = ChatMessageUser(content=[ContentText(text=QUESTION), ContentImage(image=uri)])
    try:
        async with model:  # a client is bound to the loop that it was first used in
            return await model.generate([message])
    except Exception as error:
        # whatever a provider raises: the call is what is being tested
        raise UsageError(
            f"{model}: the call failed: {' '.join(str(error).split())[:300]}"
        ) from error
