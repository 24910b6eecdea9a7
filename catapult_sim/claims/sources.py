"""The sources of claims: the four papers that the package is about, those that follow, itself."""

from __future__ import annotations

from catapult_sim.claims.claim import Source

LEWKOWYCZ = Source("Lewkowycz et al. 2020", "paper", arxiv="2003.02218")
SMITH = Source("Smith et al. 2021", "paper", arxiv="2101.12176")
JASTRZEBSKI = Source("Jastrzebski et al. 2019", "paper", arxiv="1807.05031")
SANDLER = Source("Sandler et al. 2023", "paper", arxiv="2301.02312")

BARRETT = Source("Barrett & Dherin 2021", "follow-up", arxiv="2009.11162")
GHOSH = Source("Ghosh et al. 2023", "follow-up", arxiv="2302.00849")
COHEN = Source("Cohen et al. 2021", "follow-up", arxiv="2103.00065")
KALRA_EARLY = Source("Kalra and Barkeshli 2023", "follow-up", arxiv="2302.12250")
KALRA_SHARPNESS = Source("Kalra et al. 2023", "follow-up", arxiv="2311.02076")
ZHU = Source("Zhu et al. 2022", "follow-up", arxiv="2205.11787")
ZHU_SGD = Source("Zhu et al. 2024", "follow-up", "abstract", arxiv="2306.04815")
MELTZER = Source("Meltzer and Liu 2023", "follow-up", arxiv="2301.07737")
COHEN_FLOWS = Source("Cohen et al. 2025", "follow-up", "abstract", arxiv="2410.24206")
MARION = Source("Marion 2026", "follow-up", "abstract", arxiv="2606.18080")
GESS = Source("Gess and Heydecker 2026", "follow-up", "abstract", arxiv="2603.10079")

DERIVED = Source("derived here", "derived")
EXTENDED = Source("tried here beyond the papers", "derived")
INSTRUMENTS = Source("instruments checked", "instrument")
"""What the package says: it derives; it tries a paper's statement elsewhere; it checks itself."""
