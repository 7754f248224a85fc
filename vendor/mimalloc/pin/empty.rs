//! Empty on purpose: the pin packages only tell cargo which package carries upstream's source.
