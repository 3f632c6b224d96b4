# Nobody asks for it in this run, and somebody may in the next.
import seaborn
