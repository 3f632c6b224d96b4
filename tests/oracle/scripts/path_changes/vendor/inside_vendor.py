import jinja2

# An own copy wins over nothing: this one is installed nowhere.
import small_vendored

OK = jinja2.__version__ and small_vendored.OK
