r"""Rare catapults of SGD at any width [Gess2026].

The paper's abstract says that SGD on a shallow network in the tangent-kernel scaling makes large
spikes, which flatten the kernel, with high probability where a function of kernel, learning rate
and data is positive, and with a probability of about ``(n / eta)^(-theta / 2)``, theta explicit,
where it is negative. The text was not read; how the function and theta are found here is derived:
while a network is wide, a step on batch b takes the outputs to ``(1 - eta K_b) f``, a product of
random matrices. The function is its Lyapunov exponent. Where that is negative the product still
reaches a level R once in about ``R^theta`` tries, theta the positive root of the growth rate of
moments, ``L(theta) = 0`` [Kesten1973]; and a catapult begins where |f| reaches about
``sqrt(n / eta)``.

=================  =========================================================================
``problem``        inputs, learning rates of given exponents, and networks that are catapulted
``six_samples``    a problem in the plane
``images``         problems of digits and of Fashion-MNIST
``rare``           how often networks catapult, and the thresholds of SGD
``waiting``        when they do (derived here; the abstract does not speak of time)
``fixed_kernels``  the same with the kernel held fixed, as the derivation has it
``phases``         learning rate against batch size, also of networks with nonlinear units
=================  =========================================================================
"""

from catapult_sim.claims.gess2026.fixed_kernels import fixed_kernel_claims
from catapult_sim.claims.gess2026.phases import phase_claims
from catapult_sim.claims.gess2026.rare import rare_claims
from catapult_sim.claims.gess2026.waiting import waiting_claims

CLAIMS = (*rare_claims(), *waiting_claims(), *fixed_kernel_claims(), *phase_claims())
