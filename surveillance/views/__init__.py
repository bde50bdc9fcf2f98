"""What people look at in a terminal: findings, signals, ranking, series, backtest, refused."""
