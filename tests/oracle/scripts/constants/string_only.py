from markupsafe import escape as _escape

GREETING = str(_escape("hello"))
