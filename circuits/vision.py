"""Vision: how a model takes pictures, and which part of a picture each of its tokens shows.

Everything goes through the model's own processor. So does the outline of an object: it is resized and cropped as the
picture is, and compared with the patches afterwards, so that no geometry is written down twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits.pictures import Image, Picture
from circuits.prompts import Tokenizer

Pixels = Mapping[str, Tensor]
"""What the vision tower reads, by argument of the model: `pixel_values` [picture, channel, row, column], ..."""

_PROBE_SIZE = (48, 60)


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
        found = self._processed([picture.pixels() for picture in pictures])
        return {
            name: value.to(self._device, self._dtype) if value.is_floating_point() else value.to(self._device)
            for name, value in found.items()
        }

    def _processed(self, images: Sequence[Image]) -> dict[str, Tensor]:
        found = self.processor.image_processor(images=list(images), return_tensors="pt")
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}

    def n_tokens(self, picture: Picture) -> int:
        """How many tokens the picture becomes."""
        image = picture.pixels()
        size = (image.shape[0], image.shape[1])
        if size not in self._n_tokens:
            read = self.processor(images=[image], text=[self.image_token], return_tensors="np")
            self._n_tokens[size] = int((np.asarray(read["input_ids"]) == self.image_token_id).sum())
        return self._n_tokens[size]

    def expanded(self, text: str, picture: Picture) -> str:
        """`text` with the image token written once for each token of the picture. ValueError unless it stands once."""
        if text.count(self.image_token) != 1:
            raise ValueError(
                f"the prompt {text!r} holds {text.count(self.image_token)} image tokens {self.image_token!r}: give "
                "exactly one, where the image stands."
            )
        return text.replace(self.image_token, self.image_token * self.n_tokens(picture))

    def chat(self, question: str) -> str:
        """The prompt in which the model is asked about one image, as its chat template has it."""
        if getattr(self.processor, "chat_template", None) is None:
            raise ValueError(
                f"the model's processor has no chat template, so that it is not known how questions are put. Give "
                f"whole prompts with {self.image_token!r} in them."
            )
        parts = [{"type": "image"}, {"type": "text", "text": question}]
        text = self.processor.apply_chat_template([{"role": "user", "content": parts}], add_generation_prompt=True)
        # The tokenizer puts it in front again.
        return str(text).removeprefix(getattr(self.tokenizer, "bos_token", None) or "")

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
        covered = self._shown(image).mean(axis=2) >= 0.5
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
        """What the processor makes of an image [row, column, 3], in shares of white: its normalisation taken back."""
        black, white = (np.full_like(image, value) for value in (0, 255))
        values = self._processed([image, black, white]).get("pixel_values")
        if values is None or values.ndim != 4 or values.shape[1] != 3:
            shape = None if values is None else tuple(values.shape)
            raise ValueError(
                f"this model's processor does not give one picture of three channels, but pixel values of shape "
                f"{shape}: where the parts of an image end up is not known. Give roles by position instead of regions."
            )
        found, low, high = values.double().numpy()
        return ((found - low) / (high - low)).transpose(1, 2, 0)

    def probe(self, n_vocabulary: int) -> tuple[Tensor, Pixels]:
        """A random picture with a few random tokens around it: ids [1, position] and pixels, the same on every load."""
        generator = np.random.default_rng(0)
        picture = Picture.from_pixels(generator.integers(0, 256, (*_PROBE_SIZE, 3), dtype=np.uint8))
        words = generator.choice([token for token in range(n_vocabulary) if token != self.image_token_id], size=8)
        ids = [*words[:3].tolist(), *[self.image_token_id] * self.n_tokens(picture), *words[3:].tolist()]
        return torch.tensor([ids], device=self._device), self.pixels([picture])
