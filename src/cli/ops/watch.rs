//! `--watch`: the run again at every change of the experiment or of what it links.
