"""The teaching page "The Catapult": one HTML file that needs no network.

===========  ======================================
``build``    the page as text
``write``    the page as a file, whole or not at all
===========  ======================================

The page runs what :mod:`catapult_sim.symbolic` derives: its update rules are the JavaScript of the
derivations, its formulas their MathML. Written by hand are the scenes: small modules in ``js``.
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.page.document import build as build
    from catapult_sim.page.document import write as write
else:
    __getattr__, __dir__ = attach(__name__)
