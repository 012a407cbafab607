"""Encodes digits with the model in argv[1], saying so after the first batch, and then for long."""

import sys
import time

from denoscope import describe_model, open_images


def dawdle(count: int) -> None:
    print("encoding", flush=True)  # noqa: T201
    time.sleep(60)


coder = describe_model(sys.argv[1]).autoencoder
assert coder is not None
coder.batch = 16
coder.latents(open_images("digits", size=16), on_pictures=dawdle)
