"""Questions to a run or a register: ranking, series, backtest, refused records."""
