"""What all claims of the paper Jastrzebski et al. 2019 on one loss have in common."""

from __future__ import annotations

from dataclasses import replace

from catapult_sim.claims.claim import Claims, Source
from catapult_sim.claims.sources import EXTENDED, JASTRZEBSKI
from catapult_sim.mlp.losses import IN_WORDS

PAPER = JASTRZEBSKI
GROUP = "sharpest_directions"
SETTING = (
    "8x8 digits and dense networks instead of CIFAR-10, SimpleCNN and ResNet-32; tens of epochs "
    "instead of hundreds"
)


def on_digits(loss: str, says: Source = PAPER) -> Claims:
    """Return the fields that claims on networks on digits share.

    The paper trains by cross-entropy; squared error is tried besides.
    """
    return Claims(
        says if loss == "cross_entropy" else EXTENDED,
        f"{GROUP}.{loss}",
        f"digits, {IN_WORDS[loss]}",
        reduced=SETTING,
        cost=3.2,
        given={"loss": loss},
    )


def on_images(loss: str) -> Claims:
    """Return the fields of claims on networks on digits, or with full effort on Fashion-MNIST.

    Networks learn digits by squared error with any effort.
    """
    digits = on_digits(loss)
    if loss != "cross_entropy":
        return digits
    instead = "8x8 digits, with full effort 14x14 Fashion-MNIST, and dense networks instead of"
    reduced = SETTING.replace("8x8 digits and dense networks instead of", instead)
    return replace(digits, about=f"images, {IN_WORDS[loss]}", reduced=reduced)
