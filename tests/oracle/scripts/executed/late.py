import wcwidth

LATE = wcwidth.wcswidth("a") == 1
