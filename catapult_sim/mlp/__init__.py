"""Networks of layers in NumPy: every derivative by hand, many networks at once.

========================  ========================================================================
``network``               ``Network`` of layers, and ``MLP``: draw, evaluate, differentiate
``training``              ``train``: gradient descent of an ensemble by any optimiser, with batches
``observers``             quantities to measure along a run: curvature, kernel, accuracy, distance
``kernel``                the neural tangent kernel: its matrix, products and top eigenvalue
``point``                 gradient, Hessian and Gauss-Newton products at one theta
``model``                 what networks and Taylor models share: outputs, loss, gradient
``own_model``             models of one's own, given by loss, gradient and two products
``taylor``                the linear and the quadratic model of a network, and how they train
``activations``           activation functions with their derivatives, and as layers
``consistency``           whether a model of one's own contradicts itself
``losses``                loss functions with their derivatives
``dense``                 ``Dense``, a fully connected layer
``convolution``           ``Convolution``, the same small weights at every place of an image
``pooling``               ``MeanPooling``, means over blocks of an image
``residual``              ``Residual``, layers whose outputs are added to their inputs
``plans``                 how a list of layers becomes a network
``parametrization``       how large weights are at the start, and their scales
``layers``                what a layer must offer, the arrays it reads and writes; chains of layers
``bilinear``              layers that are linear in their inputs and in their weights
``passes``                forward and backward passes, their directional derivatives, and threads
``schedules``             factors of the learning rate as functions of the step
========================  ========================================================================

Parameters are one vector theta, shape ``(..., P)``; leading axes are an ensemble.
"""

from typing import TYPE_CHECKING

from catapult_sim.lazy import attach

if TYPE_CHECKING:
    from catapult_sim.mlp import activations as activations
    from catapult_sim.mlp import bilinear as bilinear
    from catapult_sim.mlp import consistency as consistency
    from catapult_sim.mlp import convolution as convolution
    from catapult_sim.mlp import dense as dense
    from catapult_sim.mlp import kernel as kernel
    from catapult_sim.mlp import layers as layers
    from catapult_sim.mlp import losses as losses
    from catapult_sim.mlp import model as model
    from catapult_sim.mlp import network as network
    from catapult_sim.mlp import observers as observers
    from catapult_sim.mlp import own_model as own_model
    from catapult_sim.mlp import parametrization as parametrization
    from catapult_sim.mlp import passes as passes
    from catapult_sim.mlp import plans as plans
    from catapult_sim.mlp import point as point
    from catapult_sim.mlp import pooling as pooling
    from catapult_sim.mlp import residual as residual
    from catapult_sim.mlp import schedules as schedules
    from catapult_sim.mlp import taylor as taylor
    from catapult_sim.mlp import training as training
else:
    __getattr__, __dir__ = attach(__name__)
