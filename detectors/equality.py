"""How far rounding may push a sum of probabilities past a limit that it meets exactly.

Sizes of exact tests and posterior probabilities are sums of hundreds of rounded terms; in rational
numbers they often equal a level that people choose, as 0.2 squared equals 0.04. Such a sum is
within its limit if it exceeds it by no more than this factor, a thousand times the error of the
sums here. Ratios of counts need none: a quotient of two whole numbers is the double next to the
exact one, and so equal to the threshold that was written down.
"""

TIE = 1.0 + 1e-12
