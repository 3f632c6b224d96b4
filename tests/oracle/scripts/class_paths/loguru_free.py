import colorlog


class Logger:
    handler = colorlog.StreamHandler()
