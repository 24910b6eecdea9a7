"""The sources of claims: the four papers that the package is about, those that follow, itself."""

from __future__ import annotations

from catapult_sim.claims.claim import Source

LEWKOWYCZ = Source("Lewkowycz et al. 2020", "paper")
SMITH = Source("Smith et al. 2021", "paper")
JASTRZEBSKI = Source("Jastrzebski et al. 2019", "paper")
SANDLER = Source("Sandler et al. 2023", "paper")

BARRETT = Source("Barrett & Dherin 2021", "follow-up")
GHOSH = Source("Ghosh et al. 2023", "follow-up")
COHEN = Source("Cohen et al. 2021", "follow-up")
KALRA_EARLY = Source("Kalra and Barkeshli 2023", "follow-up")
KALRA_SHARPNESS = Source("Kalra et al. 2023", "follow-up")
ZHU = Source("Zhu et al. 2022", "follow-up")
ZHU_SGD = Source("Zhu et al. 2024", "follow-up", "abstract")
MELTZER = Source("Meltzer and Liu 2023", "follow-up")
COHEN_FLOWS = Source("Cohen et al. 2025", "follow-up", "abstract")
MARION = Source("Marion 2026", "follow-up", "abstract")
GESS = Source("Gess and Heydecker 2026", "follow-up", "abstract")

DERIVED = Source("derived here", "derived")
EXTENDED = Source("tried here beyond the papers", "derived")
INSTRUMENTS = Source("instruments checked", "instrument")
"""What the package says: it derives; it tries a paper's statement elsewhere; it checks itself."""
