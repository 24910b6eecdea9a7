"""What all claims of the paper Jastrzebski et al. 2019 on one loss have in common."""

from __future__ import annotations

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
