"""Code that several experiments share: each names the parts it uses with `scaf dependency`."""
