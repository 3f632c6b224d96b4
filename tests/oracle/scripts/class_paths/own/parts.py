import xyzservices


class Part:
    def __init__(self, size):
        self.size = size
        self.places = xyzservices
