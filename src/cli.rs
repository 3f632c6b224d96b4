//! The skin: words in, words out, exit status.
