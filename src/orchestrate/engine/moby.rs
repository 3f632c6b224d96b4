//! Engines reached through Docker's API: docker itself, and podman through its compatible socket.
