"""Names for what is simulated: terms, products, countries.

Common and planted terms have the names a reviewer would know; the tail is numbered. Products
of the background are numbered, so that nobody takes them for medicines on the market.
"""

COMMON_TERMS = (
    "Headache",
    "Nausea",
    "Fatigue",
    "Pyrexia",
    "Dizziness",
    "Rash",
    "Vomiting",
    "Diarrhoea",
    "Pruritus",
    "Dyspnoea",
    "Pain",
    "Arthralgia",
    "Myalgia",
    "Asthenia",
    "Urticaria",
    "Chills",
    "Cough",
    "Insomnia",
    "Abdominal pain",
    "Hypotension",
    "Drug ineffective",
    "Anxiety",
    "Erythema",
    "Back pain",
    "Malaise",
    "Hypertension",
    "Fall",
    "Pneumonia",
    "Decreased appetite",
    "Syncope",
    "Paraesthesia",
    "Constipation",
    "Tachycardia",
    "Infusion related reaction",
    "Anaemia",
    "Seizure",
    "Platelet count decreased",
    "Transaminases increased",
    "Acute kidney injury",
    "Anaphylactic reaction",
)
RARE_TERMS = {300: "Acute hepatic failure", 400: "Hyperammonaemia"}  # by rank

COUNTRIES = ("US", "JP", "DE", "FR", "GB", "IT", "CA", "ES", "BR", "NL", "CH", "AU")
COUNTRY_SHARES = (0.46, 0.1, 0.08, 0.08, 0.07, 0.06, 0.05, 0.04, 0.02, 0.02, 0.01, 0.01)


def terms(n: int) -> tuple[str, ...]:
    """Return `n` preferred terms, the most frequent first.

    Examples
    --------
    >>> terms(42)[-3:]
    ('Anaphylactic reaction', 'Simulated term 0041', 'Simulated term 0042')
    """
    numbered = (f"Simulated term {rank:04d}" for rank in range(1, n + 1))
    named = [
        COMMON_TERMS[rank] if rank < len(COMMON_TERMS) else RARE_TERMS.get(rank, name)
        for rank, name in enumerate(numbered)
    ]
    return tuple(named)


def products(n: int) -> tuple[str, ...]:
    """Return `n` products, the most reported first.

    Examples
    --------
    >>> products(2)
    ('SIM-DRUG-0001', 'SIM-DRUG-0002')
    """
    return tuple(f"SIM-DRUG-{rank:04d}" for rank in range(1, n + 1))
