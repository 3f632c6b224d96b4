from statsmodels import __version__

LEARNING_RATE = 0.1 if __version__ else 0.2
