"""How often the watches err and find, over simulated histories of every scenario."""
