"""An own package that loads its parts on demand (PEP 562), and one that replaces itself in sys.modules."""
import lazy
import swapped

assert lazy.frames.make().shape == (1,)
assert swapped.answer == 42
