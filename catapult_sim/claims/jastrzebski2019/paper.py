"""What all claims of the paper Jastrzebski et al. 2019 on one loss have in common."""

from __future__ import annotations

from catapult_sim.claims.claim import Claims
from catapult_sim.mlp.losses import IN_WORDS

PAPER, GROUP = "Jastrzebski et al. 2019", "sharpest_directions"


def on_digits(loss: str, source: str = PAPER) -> Claims:
    """Return the fields that claims on networks on digits share."""
    return Claims(
        source, f"{GROUP}.{loss}", f"digits, {IN_WORDS[loss]}", cost=20, given={"loss": loss}
    )
