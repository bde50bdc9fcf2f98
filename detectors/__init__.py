"""Statistics of safety surveillance: pure functions of counts, no clock, no store, no stream.

Packages, by the question that they answer:

* `disproportionality`: is a pair reported more often than expected?
* `logistic`, `subgroup`, `masking`: is it the product, in every stratum, and not another one?
* `features`: when after the dose, since when, and from whom?
* `multiplicity`, `e_value`, `calibration`: what does it mean among thousands, and beside controls?
* `sequential`, `anytime`: has a product under watch crossed its boundary, with a fixed end or none?
* `small_population`: is a handful of patients worse off than their natural history?
* `effectiveness`, `benefit_risk`: does the effect last, and does it outweigh the harm?
* `operating`: how often does a criterion err?

`catalogue` describes each detector by name. The other modules are what these are made of.
"""
