"""Rules that pause or stop for harm or for lost effect, with exact chances of every error."""
