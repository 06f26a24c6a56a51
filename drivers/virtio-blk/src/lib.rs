//! The virtio block driver component.
