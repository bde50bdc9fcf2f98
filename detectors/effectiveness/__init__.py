"""Is the benefit still there: events of lost response, biomarkers, series of one patient.

`response` watches counts for too many losses or too few good events, with patients that differ;
`detection` says how long it takes to see a loss. `biomarker`, `change_point` and `durability`
compare a patient's level with its own past and say where it goes; `agreement` asks whether
biomarker and outcome go together; `n_of_1` and `innovations` judge a series of one patient.
"""
