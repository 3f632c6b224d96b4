import graph_free
