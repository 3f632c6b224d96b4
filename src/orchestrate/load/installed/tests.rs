//! Hand-made environments of every kind.
