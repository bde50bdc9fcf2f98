"""Evidence that holds at any time: e-processes, which need no horizon and no plan of looks."""
