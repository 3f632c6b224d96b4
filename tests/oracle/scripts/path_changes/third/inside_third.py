from markupsafe import escape

OK = escape("<")
