"""Vision: how a model takes pictures, and which part of a picture each of its tokens covers.

Everything goes through the model's own processor. So does the outline of an object: it is resized and cropped as the
picture is, and compared with the patches afterwards, so that no geometry is written down twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits.data.images import Image, Picture
from circuits.data.tokenizer import Tokenizer

Pixels = Mapping[str, Tensor]
"""What the vision tower reads, by argument of the model: `pixel_values` [picture, channel, row, column], ..."""

_PROBE_SIZE = (48, 60)
_PROBE_QUESTION = "Is there a red circle in the image?"


class Vision:
    """The picture side of one vision-language model: its processor, and where pictures stand in its prompts."""

    def __init__(self, processor: Any, image_token_id: int, *, device: torch.device | str, dtype: torch.dtype) -> None:
        self.processor = processor
        self.image_token_id = image_token_id
        self._device, self._dtype = device, dtype
        self._n_tokens: dict[tuple[int, int], int] = {}

    @property
    def image_token(self) -> str:
        """The text that stands for the picture in a prompt."""
        return str(self.processor.image_token)

    @property
    def tokenizer(self) -> Tokenizer:
        return self.processor.tokenizer

    def pixels(self, pictures: Sequence[Picture]) -> Pixels:
        """What the vision tower reads of these pictures, on the model's device."""
        values = self._processed([picture.pixels() for picture in pictures])
        return {name: self._placed(value) for name, value in values.items()}

    def _processed(self, images: Sequence[Image]) -> dict[str, Tensor]:
        values = self.processor.image_processor(images=list(images), return_tensors="pt")
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def n_tokens(self, picture: Picture) -> int:
        """How many tokens the picture becomes."""
        image = picture.pixels()
        size = (image.shape[0], image.shape[1])
        if size not in self._n_tokens:
            read = self.processor(images=[image], text=[self.image_token], return_tensors="np")
            self._n_tokens[size] = int((np.asarray(read["input_ids"]) == self.image_token_id).sum())
        return self._n_tokens[size]

    def expanded(self, text: str, picture: Picture) -> str:
        """`text` with the image token written once for each token of the picture. ValueError unless it occurs once."""
        if text.count(self.image_token) != 1:
            raise ValueError(
                f"the prompt {text!r} holds {text.count(self.image_token)} image tokens {self.image_token!r}: give "
                "exactly one, where the image goes."
            )
        return text.replace(self.image_token, self.image_token * self.n_tokens(picture))

    def chat(self, question: str) -> str:
        """The prompt in which the model is asked about one image, as its chat template has it."""
        if getattr(self.processor, "chat_template", None) is None:
            raise ValueError(
                f"the model's processor has no chat template, so the form of its questions is not known. Give "
                f"whole prompts with {self.image_token!r} in them."
            )
        parts = [{"type": "image"}, {"type": "text", "text": question}]
        text = self.processor.apply_chat_template([{"role": "user", "content": parts}], add_generation_prompt=True)
        start = getattr(self.tokenizer, "bos_token_id", None)
        puts_it_in_front = start is not None and list(self.tokenizer("")["input_ids"])[:1] == [start]
        return str(text).removeprefix(self.processor.tokenizer.bos_token) if puts_it_in_front else str(text)

    def seen(self, picture: Picture) -> Image:
        """The part of the picture that the model sees, at the size in which it sees it [row, column, 3]."""
        shown = self._shown(picture.pixels())
        return np.round(255 * shown).clip(0, 255).astype(np.uint8)

    def coverage(self, mask: NDArray[np.bool_], n_tokens: int) -> NDArray[np.float64]:
        """How much of each patch an object covers [patch row, patch column], from 0 to 1.

        mask      [row, column] of the original picture
        n_tokens  how many tokens the picture becomes: one for each patch, or one more in front for the whole

        ValueError where this model's tokens are not one for each patch.
        """
        image = np.repeat(np.uint8(255) * mask[..., None].astype(np.uint8), 3, axis=2)
        shown = self._shown(image).mean(axis=2).clip(0, 1)
        is_covered = shown >= 0.5
        # Of an object thinner than half a pixel that the model sees, every trace counts.
        covered = is_covered if is_covered.any() else shown
        height, width = covered.shape
        patch = int(getattr(self.processor, "patch_size", None) or 0)
        rows, columns = (height // patch, width // patch) if patch else (0, 0)
        if rows * columns not in (n_tokens, n_tokens - 1) or not n_tokens:
            raise ValueError(
                f"which part of the image each of its {n_tokens} tokens shows is not known for this model: it sees "
                f"{height} x {width} pixels in patches of {patch}. Give roles by position instead of regions."
            )
        whole = covered[: rows * patch, : columns * patch]
        return whole.reshape(rows, patch, columns, patch).mean(axis=(1, 3))

    def _shown(self, image: Image) -> NDArray[np.float64]:
        """What the processor makes of an image [row, column, 3], in shares of white: its normalization taken back."""
        black, white = (np.full_like(image, value) for value in (0, 255))
        values = self._processed([image, black, white]).get("pixel_values")
        if values is None or values.ndim != 4 or values.shape[1] != 3:
            shape = None if values is None else tuple(values.shape)
            raise ValueError(
                f"this model's processor does not give one picture of three channels, but pixel values of shape "
                f"{shape}: where the parts of an image end up is not known. Give roles by position instead of regions."
            )
        shown, low, high = values.double().numpy()
        # Bars that the processor adds are the same for any picture: they get a share of 0.
        white = (high - low).max(axis=(1, 2), keepdims=True)
        return ((shown - low) / white).transpose(1, 2, 0)

    def probe(self) -> VisionProbe:
        """A question about a random picture, the same on every load: as prompts are made here, and by the processor."""
        generator = np.random.default_rng(0)
        image = generator.integers(0, 256, (*_PROBE_SIZE, 3), dtype=np.uint8)
        picture = Picture.from_pixels(image)
        has_template = getattr(self.processor, "chat_template", None) is not None
        text = self.chat(_PROBE_QUESTION) if has_template else ""
        text = text if self.image_token in text else f"{self.image_token} {_PROBE_QUESTION}"
        read = self.processor(images=[image], text=[text], return_tensors="pt")
        ids = torch.tensor([self.tokenizer(self.expanded(text, picture))["input_ids"]])
        own = {name: self._placed(value) for name, value in read.items() if isinstance(value, Tensor)}
        return VisionProbe(ids.to(self._device), self.pixels([picture]), own)

    def _placed(self, value: Tensor) -> Tensor:
        return value.to(self._device, self._dtype) if value.is_floating_point() else value.to(self._device)


class VisionProbe(NamedTuple):
    """One prompt with a picture.

    ids, pixels  as prompts are made here: ids [1, position]
    inputs       everything that the processor itself gives the model, `input_ids` among it
    """

    ids: Tensor
    pixels: Pixels
    inputs: Mapping[str, Tensor]
