from scipy.constants import pi as _pi

HALF = _pi / _pi / 2
